#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cstdint>
#include <string>
#include <vector>

#include "fastforward/dispatch/integer_guard.h"
#include "fastforward/dispatch/operators.h"
#include "fastforward/nn/functional/conv.h"
#include "fastforward/nn/linear_quantizer.h"
#include "fastforward/quantization/affine.h"
#include "fastforward/tensor/quantized_tensor.h"
#include "support/tensors.h"

// Convolutions whose padding is "same" or "valid", in integers against the simulation. Scales are
// powers of two and sums are small, so that float32 holds them exactly: results are equal bit for
// bit.
namespace {

namespace F = torch::nn::functional;
using ff::test::random_data;
using ff::test::same;

int64_t random(int64_t low, int64_t high) {
  return torch::randint(low, high + 1, {1}).item<int64_t>();
}

torch::Tensor convolve(const torch::Tensor& x, const torch::Tensor& w, const std::string& padding,
                       const std::vector<int64_t>& dilation, int64_t groups) {
  const std::vector<int64_t> stride(dilation.size(), 1);
  if (dilation.size() == 1)
    return torch::conv1d(x, w, {}, stride, padding, dilation, groups);
  if (dilation.size() == 2)
    return torch::conv2d(x, w, {}, stride, padding, dilation, groups);
  return torch::conv3d(x, w, {}, stride, padding, dilation, groups);
}

// In strict mode an operator that has no integer form is an error.
void expect_exact(const torch::Tensor& x, const torch::Tensor& w, const std::string& padding,
                  const std::vector<int64_t>& dilation, int64_t groups) {
  const torch::Tensor expected =
      convolve(x.dequantize(), w.dequantize(), padding, dilation, groups);
  const ff::IntegerGuard integers;
  EXPECT_TRUE(same(convolve(x, w, padding, dilation, groups), expected));
}

TEST(NamedPadding, IsTheSimulation) {
  torch::manual_seed(81);
  for (int trial = 0; trial < 400; ++trial) {
    const int64_t axes = random(1, 3), groups = random(1, 3), depth = random(1, 5);
    std::vector<int64_t> input = {random(1, 2), groups * depth}, window = {groups * random(1, 4)},
                         dilation;
    window.push_back(depth);
    for (int64_t axis = 0; axis < axes; ++axis) {
      window.push_back(random(1, axes == 3 ? 3 : 5));
      dilation.push_back(random(1, 2));
      input.push_back(dilation.back() * (window.back() - 1) + random(1, 5));
    }
    const std::string padding = random(0, 2) == 0 ? "valid" : "same";
    SCOPED_TRACE(testing::PrintToString(input) + " " + testing::PrintToString(window) +
                 " dilation " + testing::PrintToString(dilation) + " groups " +
                 std::to_string(groups) + " " + padding);
    torch::Tensor data = torch::randn(input);
    if (axes == 2 && random(0, 1) == 0)
      data = data.contiguous(torch::MemoryFormat::ChannelsLast);
    expect_exact(ff::quantize_per_tensor(data, 0.0625, static_cast<double>(random(-127, 128))),
                 ff::quantize_per_tensor(torch::randn(window), 0.5, std::nullopt, 4), padding,
                 dilation, groups);
  }
}

TEST(NamedPadding, OfInputsThatAreSmallerThanTheWindow) {
  for (const int64_t size : {1, 2, 3})
    expect_exact(ff::quantize_per_tensor(random_data({1, 2, size, 1}, 1), 0.0625, 3.0),
                 ff::quantize_per_tensor(random_data({3, 2, 4, 6}, 2), 0.25), "same", {1, 1}, 1);
}

// A pad has a border already, which its codes do not know of yet.
TEST(NamedPadding, BehindAPad) {
  const torch::Tensor x = ff::quantize_per_tensor(
      random_data({2, 3, 5, 6}, 1).contiguous(torch::MemoryFormat::ChannelsLast), 0.0625, 3.0);
  const torch::Tensor w = ff::quantize_per_tensor(random_data({4, 3, 2, 4}, 2), 0.25);
  const auto run = [&](const torch::Tensor& input, const torch::Tensor& weight) {
    return torch::conv2d(torch::constant_pad_nd(input, {1, 0, 2, 1}), weight, {}, {1, 1}, "same");
  };
  const torch::Tensor expected = run(x.dequantize(), w.dequantize());
  const ff::IntegerGuard integers;
  EXPECT_TRUE(same(run(x, w), expected));
}

TEST(NamedPadding, LayersThatPutTheirResultOnAGrid) {
  const torch::NoGradGuard no_grad;
  const torch::Tensor x = ff::quantize_per_tensor(random_data({2, 3, 7, 6}, 1), 0.0625, -5.0),
                      w = ff::quantize_per_tensor(random_data({4, 3, 4, 3}, 2), 0.25);
  ff::nn::LinearQuantizer quantizer(ff::nn::LinearQuantizerOptions(8).symmetric(false));
  quantizer->set_quantization_range(-3, 3);
  quantizer->scale.copy_(quantizer->scale.log2().ceil().exp2());
  const auto run = [&] {
    return ff::nn::functional::conv2d(
        x, w, F::Conv2dFuncOptions().padding(torch::kSame).bias(random_data({4}, 3).round()),
        {.output_quantizer = quantizer});
  };
  const torch::Tensor simulated = run();
  const ff::IntegerGuard integers;
  const torch::Tensor result = run();
  EXPECT_TRUE(same(ff::codes(result).contiguous(), ff::codes(simulated).contiguous()));
  EXPECT_TRUE(ff::codes(result).is_contiguous(torch::MemoryFormat::ChannelsLast));
}

std::string refusal(double offset, const std::string& padding, int64_t stride,
                    const torch::Tensor& x = random_data({1, 2, 5, 5}, 1)) {
  const torch::Tensor w = ff::quantize_per_tensor(random_data({2, 2, 2, 2}, 2), 0.02);
  const std::vector<int64_t> strides = {stride, stride}, one = {1, 1};
  const ff::IntegerGuard integers;
  for (const ff::dispatch::Refusal& refusal : ff::dispatch::why_not(
           "aten::conv2d.padding",
           {ff::quantize_per_tensor(x, 0.02, offset), w, c10::IValue(), strides, padding, one, 1}))
    return refusal.implementation + ": " + refusal.reason;
  return "";
}

TEST(NamedPadding, SaysWhyNot) {
  EXPECT_EQ(refusal(0, "same", 1), "");
  EXPECT_EQ(refusal(250, "valid", 2), "");
  EXPECT_EQ(refusal(250, "same", 1),
            "convolution in integers: the input is padded with zeros, and its grid has no code for "
            "zero");
  EXPECT_EQ(refusal(0, "same", 2),
            "convolution in integers: its padding is 'same', and its stride is not 1");
  EXPECT_EQ(refusal(0, "full", 1), "convolution in integers: its padding is 'full'");
  EXPECT_EQ(refusal(0, "same", 1, random_data({2, 5, 5}, 1)),
            "convolution in integers: it is not a batch of inputs");
  EXPECT_EQ(refusal(0, "valid", 1, random_data({1, 2, 1, 5}, 1)),
            "convolution in integers: its window is larger than the padded input");
}

}  // namespace
