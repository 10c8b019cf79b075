#include <gtest/gtest.h>
#include <torch/nn/functional/conv.h>
#include <torch/nn/functional/linear.h>

#include <cstdint>
#include <string>
#include <vector>

#include "fastforward/dispatch/integer_guard.h"
#include "fastforward/dispatch/operators.h"
#include "fastforward/nn/functional/conv.h"
#include "fastforward/nn/functional/linear.h"
#include "fastforward/nn/linear_quantizer.h"
#include "fastforward/quantization/affine.h"
#include "fastforward/tensor/quantized_tensor.h"

// Linear layers and convolutions in integers against the simulation.
namespace ff {
namespace {

namespace F = torch::nn::functional;

struct Agreement {
  int64_t codes = 0, different = 0, largest = 0;

  void add(const torch::Tensor& integers, const torch::Tensor& simulated) {
    ASSERT_TRUE(is_quantized(integers));
    ASSERT_TRUE(bound_function(integers).equal(bound_function(simulated)));
    ASSERT_EQ(integers.sizes(), simulated.sizes());
    const torch::Tensor difference =
        (ff::codes(integers).to(torch::kInt) - ff::codes(simulated).to(torch::kInt)).abs();
    codes += difference.numel();
    different += difference.gt(0).sum().item<int64_t>();
    if (difference.numel() > 0)
      largest = std::max(largest, difference.max().item<int64_t>());
  }
  void check() const {
    EXPECT_LE(largest, 1);
    EXPECT_LE(static_cast<double>(different), 1e-4 * static_cast<double>(codes))
        << different << " of " << codes;
  }
};

// A number from `low` to `high`.
int64_t random(int64_t low, int64_t high) {
  return torch::randint(low, high + 1, {1}).item<int64_t>();
}

nn::LinearQuantizer output_quantizer(const torch::Tensor& values) {
  nn::LinearQuantizer quantizer(
      nn::LinearQuantizerOptions(random(2, 8)).symmetric(random(0, 1) == 1));
  // Some results are beyond the grid.
  const double low = values.numel() > 0 ? values.min().item<double>() : -1;
  const double high = values.numel() > 0 ? values.max().item<double>() : 1;
  quantizer->set_quantization_range(std::min(0.8 * low, -0.01), std::max(0.7 * high, 0.01));
  return quantizer;
}

torch::Tensor random_input(std::vector<int64_t> sizes) {
  const int64_t bits = random(2, 8);
  // Offsets at both ends of the grid, and between.
  const double offset =
      static_cast<double>(random(-(int64_t{1} << (bits - 1)), (int64_t{1} << (bits - 1)) - 1));
  const double scale = std::pow(10.0, static_cast<double>(random(-3, 3)));
  return quantize_per_tensor(torch::randn(sizes) * scale * std::pow(2.0, bits - 2) + offset * scale,
                             scale, offset, bits);
}

// The size that a bias has beside products of this input.
double spread_of(const torch::Tensor& input) {
  return input.numel() > 0 ? input.dequantize().abs().max().item<double>() : 1;
}

torch::Tensor random_weight(std::vector<int64_t> sizes) {
  const torch::Tensor weight = torch::randn(sizes);
  const int64_t bits = random(2, 8);
  const double scale = 4.0 / std::pow(2.0, bits);
  if (random(0, 1) == 0)
    return quantize_per_tensor(weight, scale, std::nullopt, bits);
  return quantize_per_channel(weight, torch::rand({sizes[0]}) * scale + scale / 2, std::nullopt, 0,
                              bits);
}

TEST(IntegerProduct, LinearIsTheSimulation) {
  torch::manual_seed(71);
  const torch::NoGradGuard no_grad;
  Agreement agreement;
  for (int trial = 0; trial < 1500; ++trial) {
    const int64_t depth = random(1, 90), channels = random(1, 90);
    std::vector<int64_t> sizes = {random(0, 40), depth};
    if (random(0, 2) == 0)
      sizes.insert(sizes.begin(), random(1, 3));
    torch::Tensor input = random_input(sizes);
    if (random(0, 2) == 0 && sizes.size() == 3)
      input = input.transpose(0, 1);
    const torch::Tensor weight = random_weight({channels, depth});
    const torch::Tensor bias =
        random(0, 1) == 0 ? torch::Tensor() : torch::randn({channels}) * spread_of(input);
    const torch::Tensor plain = F::linear(input.dequantize(), weight.dequantize(), bias);
    const nn::LinearQuantizer quantizer = output_quantizer(plain);
    const torch::Tensor simulated =
        nn::functional::linear(input, weight, bias, {.output_quantizer = quantizer});
    const IntegerGuard integers;
    agreement.add(nn::functional::linear(input, weight, bias, {.output_quantizer = quantizer}),
                  simulated);
  }
  agreement.check();
}

template <typename Options, typename Plain, typename Quantized>
void check_convolutions(int64_t axes, int trials, const Plain& plain, const Quantized& quantized) {
  const torch::NoGradGuard no_grad;
  Agreement agreement;
  for (int trial = 0; trial < trials; ++trial) {
    const int64_t groups = random(0, 2) == 0 ? random(1, 5) : 1;
    const int64_t depth = random(0, 3) == 0 ? 1 : random(1, 24);
    std::vector<int64_t> input_sizes = {random(0, 3), groups * depth};
    std::vector<int64_t> weight_sizes = {groups * random(1, 20), depth};
    Options options;
    std::vector<int64_t> stride, padding, dilation;
    for (int64_t axis = 0; axis < axes; ++axis) {
      weight_sizes.push_back(random(1, 4));
      stride.push_back(random(1, 3));
      padding.push_back(random(0, 3));
      dilation.push_back(random(1, 2));
      const int64_t least = std::max<int64_t>(
          1, dilation.back() * (weight_sizes.back() - 1) + 1 - 2 * padding.back());
      input_sizes.push_back(random(least, least + (axes == 3 ? 3 : 9)));
    }
    options.stride(c10::IntArrayRef(stride))
        .padding(c10::IntArrayRef(padding))
        .dilation(c10::IntArrayRef(dilation))
        .groups(groups);
    torch::Tensor input = random_input(input_sizes);
    const std::string before = testing::PrintToString(input_sizes) + " " +
                               testing::PrintToString(weight_sizes) + " groups " +
                               std::to_string(groups);
    SCOPED_TRACE(before);
    const torch::Tensor weight = random_weight(weight_sizes);
    if (random(0, 1) == 0)
      options.bias(torch::randn({weight_sizes[0]}) * spread_of(input));
    const nn::LinearQuantizer quantizer =
        output_quantizer(plain(input.dequantize(), weight.dequantize(), options));
    const torch::Tensor simulated =
        quantized(input, weight, options, {.output_quantizer = quantizer});
    const IntegerGuard integers;
    agreement.add(quantized(input, weight, options, {.output_quantizer = quantizer}), simulated);
  }
  agreement.check();
}

TEST(IntegerProduct, Conv1dIsTheSimulation) {
  torch::manual_seed(72);
  check_convolutions<F::Conv1dFuncOptions>(1, 1200, F::conv1d, nn::functional::conv1d);
}

TEST(IntegerProduct, Conv2dIsTheSimulation) {
  torch::manual_seed(73);
  check_convolutions<F::Conv2dFuncOptions>(2, 2000, F::conv2d, nn::functional::conv2d);
}

TEST(IntegerProduct, Conv3dIsTheSimulation) {
  torch::manual_seed(74);
  check_convolutions<F::Conv3dFuncOptions>(3, 600, F::conv3d, nn::functional::conv3d);
}

}  // namespace
}  // namespace ff
