#include "fastforward/model/presets.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <string>

#include "fastforward/model/autoquantize.h"
#include "fastforward/model/calibrate.h"
#include "fastforward/nn/dynamic_linear_quantizer.h"
#include "fastforward/quantization/affine_dynamic.h"
#include "model/explicit_quantization.h"
#include "support/expect_error.h"
#include "support/tensors.h"

namespace {

using ff::QuantizedModel;
using ff::test::linear_quantizer;
using ff::test::on_grid;
using ff::test::random_data;
using ff::test::same;

const torch::Tensor& weight() {
  static const torch::Tensor value = random_data({4, 3}, 1);
  return value;
}

const torch::Tensor& second_weight() {
  static const torch::Tensor value = random_data({3, 4}, 5);
  return value;
}

QuantizedModel quantized(const ff::QuantizationConfig& config) {
  weight(), second_weight();  // made before the forward: what it makes itself is a constant
  const ff::FloatModel net([](const torch::Tensor& x) {
    return torch::linear(torch::relu(torch::linear(x, weight())), second_weight());
  });
  return ff::autoquantize(net, random_data({6, 3}, 2), config);
}

TEST(Presets, NumbersOfBits) {
  const auto bits = [](const ff::QuantizationConfig& config) {
    const QuantizedModel model = quantized(config);
    return std::pair(linear_quantizer(model, "linear.weight").options.num_bits(),
                     linear_quantizer(model, "inputs.0.output").options.num_bits());
  };
  EXPECT_EQ(bits(ff::presets::w8a8()), std::pair(int64_t{8}, int64_t{8}));
  EXPECT_EQ(bits(ff::presets::w4a8()), std::pair(int64_t{4}, int64_t{8}));
  EXPECT_EQ(bits(ff::presets::w4a16()), std::pair(int64_t{4}, int64_t{16}));
  EXPECT_EQ(bits(ff::presets::w8a16()), std::pair(int64_t{8}, int64_t{16}));
  EXPECT_EQ(bits(ff::presets::with_bits({.weight_bits = 3, .activation_bits = 5})),
            std::pair(int64_t{3}, int64_t{5}));
}

TEST(Presets, WeightsOnly) {
  QuantizedModel model = quantized(ff::presets::w8());
  EXPECT_EQ(ff::test::quantizer_paths(model).size(), 2);
  const torch::Tensor x = random_data({6, 3}, 2);
  const torch::Tensor h = torch::relu(torch::linear(x, on_grid(model, "linear.weight", weight())));
  EXPECT_TRUE(same(model(x), torch::linear(h, on_grid(model, "linear_1.weight", second_weight()))))
      << "without calibration";
}

TEST(Presets, ActivationsOnly) {
  const QuantizedModel model = quantized(ff::presets::with_bits({.weight_bits = 0}));
  EXPECT_EQ(ff::test::quantizer_paths(model),
            (std::vector<std::string>{"inputs.0.output", "relu.output"}));
}

TEST(Presets, WeightsAreSymmetric) {
  // 8 bits from -127 to 127; of fewer bits, the whole grid for what min-max found.
  const torch::Tensor rows = weight();
  const QuantizedModel eight = quantized(ff::presets::w8a8());
  EXPECT_TRUE(torch::allclose(linear_quantizer(eight, "linear.weight").scale,
                              std::get<0>(rows.abs().max(1)) / 127, 1e-6));
  const QuantizedModel four = quantized(ff::presets::w4a8());
  const torch::Tensor scale =
      torch::maximum(-std::get<0>(rows.min(1)) / 8, std::get<0>(rows.max(1)) / 7);
  EXPECT_TRUE(torch::allclose(linear_quantizer(four, "linear.weight").scale, scale, 1e-6));
  const QuantizedModel whole = quantized(ff::presets::with_bits({.per_channel = false}));
  EXPECT_EQ(linear_quantizer(whole, "linear.weight").scale.numel(), 1);
}

TEST(Presets, ActivationsAreAsymmetricUnlessNeverNegative) {
  QuantizedModel model = quantized(ff::presets::w8a8());
  EXPECT_FALSE(linear_quantizer(model, "inputs.0.output").symmetric());
  EXPECT_TRUE(linear_quantizer(model, "relu.output").symmetric());
  ff::calibrate(model, random_data({6, 3}, 2));
  EXPECT_EQ(linear_quantizer(model, "relu.output").quantization_range()->min.item<float>(), 0);
}

TEST(Presets, PerToken) {
  QuantizedModel model = quantized(ff::presets::w8a8_per_token());
  const torch::Tensor x = random_data({6, 3}, 2);
  const auto row_wise = [](const torch::Tensor& data) {
    return ff::dequantize(ff::dynamic::quantize_per_granularity(data, ff::PerChannel(0), 8));
  };
  const torch::Tensor h =
      torch::relu(torch::linear(row_wise(x), on_grid(model, "linear.weight", weight())));
  EXPECT_TRUE(same(model(x),
                   torch::linear(row_wise(h), on_grid(model, "linear_1.weight", second_weight()))))
      << "without calibration";
}

TEST(Presets, BitsHaveLimits) {
  EXPECT_ERROR(c10::ValueError,
               "presets::with_bits: weight_bits is 17; expected 1 to 16, or 0 for float.",
               ff::presets::with_bits({.weight_bits = 17}));
  EXPECT_ERROR(c10::ValueError, "presets::with_bits: activation_bits is -1",
               ff::presets::with_bits({.activation_bits = -1}));
  for (const int64_t bits : {1, 16}) {
    QuantizedModel model =
        quantized(ff::presets::with_bits({.weight_bits = bits, .activation_bits = bits}));
    ff::calibrate(model, random_data({6, 3}, 2));
    EXPECT_TRUE(torch::isfinite(model(random_data({6, 3}, 2))).all().item<bool>());
  }
}

}  // namespace
