#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/linear.h>
#include <torch/types.h>

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "fastforward/dispatch/integer_guard.h"
#include "fastforward/dispatch/operators.h"
#include "fastforward/dispatch/strict.h"
#include "fastforward/model/autoquantize.h"
#include "fastforward/model/calibrate.h"
#include "fastforward/model/coverage.h"
#include "fastforward/model/presets.h"
#include "fastforward/model/quantizer_collection.h"
#include "fastforward/nn/functional/linear.h"
#include "fastforward/nn/linear_quantizer.h"
#include "fastforward/nn/quantized_conv.h"
#include "fastforward/nn/quantized_linear.h"
#include "fastforward/quantization/affine.h"
#include "fastforward/range_setting/estimate_ranges.h"
#include "fastforward/range_setting/min_max.h"
#include "fastforward/tensor/quantized_tensor.h"
#include "support/tensors.h"

// What integers take, what they refuse and why, and that nothing else changes.
namespace {

using ff::IntegerGuard;
using ff::test::floats;
using ff::test::random_data;
using ff::test::same;

torch::Tensor input(double offset = 3, int64_t bits = 8) {
  return ff::quantize_per_tensor(random_data({5, 4}, 1), 0.02, offset, bits);
}

torch::Tensor weight(int64_t bits = 8) {
  return ff::quantize_per_channel(random_data({3, 4}, 2), floats({0.01, 0.02, 0.03}), std::nullopt,
                                  0, bits);
}

// Why linear does not run in integers; "" if it does.
std::string refusal(const torch::Tensor& x, const torch::Tensor& w, const c10::IValue& bias = {}) {
  const IntegerGuard integers;
  for (const ff::dispatch::Refusal& refusal : ff::dispatch::why_not("aten::linear", {x, w, bias}))
    return refusal.implementation + ": " + refusal.reason;
  return "";
}

TEST(IntegerConditions, SayWhy) {
  EXPECT_EQ(refusal(input(), weight()), "");
  EXPECT_EQ(refusal(input(-128, 4), weight(2)), "") << "any offset, fewer bits";
  EXPECT_EQ(refusal(random_data({5, 4}, 1), weight()),
            "linear in integers: the input is not quantized");
  EXPECT_EQ(refusal(input(), random_data({3, 4}, 2)),
            "linear in integers: the weight is not quantized");
  EXPECT_EQ(refusal(input(0, 12), weight()),
            "linear in integers: the input: its codes have type Short, and integers take 8 bits at "
            "most");
  EXPECT_EQ(refusal(input(), weight(9)),
            "linear in integers: the weight: its codes have type Short, and integers take 8 bits "
            "at most");
  EXPECT_EQ(refusal(input(1e7), weight()),
            "linear in integers: the input: its offset is 1e+07, too far for sums of 32 bits");
  EXPECT_EQ(refusal(ff::quantize_per_tensor(torch::ones({2, 6}), 1.0, 4e6),
                    ff::quantize_per_tensor(torch::ones({3, 6}), 1.0 / 127)),
            "linear in integers: sums of 6 products do not fit into 32 bits");
  EXPECT_EQ(
      refusal(ff::quantize_per_channel(random_data({5, 4}, 1), floats({1, 1, 1, 1})), weight()),
      "linear in integers: the input: it has 4 scales, and integers take one for an "
      "activation");
  EXPECT_EQ(
      refusal(ff::quantize_per_tensor(random_data({5, 4}, 1).to(torch::kDouble), 0.1), weight()),
      "linear in integers: the input: its values have type Double, and integers give Float");
  EXPECT_EQ(
      refusal(input(), ff::quantize_per_tensor(random_data({3, 4}, 2).abs(), 0.01, 128.0)),
      "linear in integers: the weight: it has an offset, and integers take symmetric weights");
  EXPECT_EQ(refusal(input(), ff::quantize_per_channel(random_data({3, 4}, 2), floats({1, 1, 1, 1}),
                                                      std::nullopt, 1)),
            "linear in integers: the weight: its scales are for tiles of shape [3, 1], and "
            "integers take one scale, or one for each output channel");
  const auto refusals = ff::dispatch::why_not("aten::linear", {input(), weight(), c10::IValue()});
  ASSERT_EQ(refusals.size(), 1);
  EXPECT_EQ(refusals[0].reason, "integers are off; turn them on with ff::IntegerGuard");
}

TEST(IntegerConditions, OfTheBias) {
  EXPECT_EQ(refusal(input(), weight(), floats({1, 2, 3})), "");
  const std::string numbers = ", and integers take one number for each of 3 channels";
  EXPECT_EQ(refusal(input(), weight(), floats({1})),
            "linear in integers: its bias has shape [1]" + numbers);
  EXPECT_EQ(refusal(input(), weight(), torch::tensor(1.0F)),
            "linear in integers: its bias has shape []" + numbers);
  EXPECT_EQ(refusal(input(), weight(), torch::ones({5, 3})),
            "linear in integers: its bias has shape [5, 3]" + numbers);
  EXPECT_EQ(refusal(input(), weight(), torch::ones({7})),
            "linear in integers: its bias has shape [7]" + numbers);
  EXPECT_EQ(refusal(input(), weight(), torch::ones({3}, torch::kDouble)),
            "linear in integers: its bias has type Double on cpu, and integers take Float on the "
            "CPU");
  const IntegerGuard integers;
  const ff::StrictGuard relaxed(false);
  EXPECT_TRUE(torch::equal(torch::linear(input(), weight(), floats({1})),
                           torch::linear(input().dequantize(), weight().dequantize(), floats({1}))))
      << "as LibTorch broadcasts it";
  EXPECT_THROW(torch::linear(input(), weight(), torch::ones({7})), c10::Error);
  const torch::Tensor x = ff::quantize_per_tensor(random_data({1, 2, 4, 4}, 1), 0.02),
                      w = ff::quantize_per_tensor(random_data({2, 2, 3, 3}, 2), 0.02);
  EXPECT_THROW(torch::conv2d(x, w, torch::ones({3})), c10::Error);
}

// The type of codes is a choice of the quantizer; what it chooses, coverage says.
TEST(IntegerConditions, OfTheTypeOfCodes) {
  const torch::NoGradGuard no_grad;
  const torch::Tensor w = random_data({3, 4}, 2);
  ff::QuantizationConfig config = ff::presets::w8a8();
  config.add_rule<ff::nn::LinearQuantizer>(
      "**/[qtag:activation]",
      ff::nn::LinearQuantizerOptions(8).symmetric(false).quantized_dtype(torch::kShort));
  ff::QuantizedModel model =
      ff::autoquantize(ff::FloatModel([=](const torch::Tensor& x) { return torch::linear(x, w); }),
                       random_data({5, 4}, 1), config);
  ff::calibrate(model, random_data({5, 4}, 1));
  const torch::Tensor simulated = model(random_data({5, 4}, 1));
  model->to_integer();
  EXPECT_TRUE(same(model(random_data({5, 4}, 1)), simulated));
  const std::string how = model->coverage().calls[0].integers;
  EXPECT_NE(how.find("its codes have type Short, and integers take 8 bits at most"),
            std::string::npos)
      << how;
}

TEST(IntegerConditions, OfDevices) {
  const auto meta = [](const torch::Tensor& values) { return values.to(torch::kMeta); };
  EXPECT_EQ(refusal(ff::quantize_per_tensor(meta(random_data({5, 4}, 1)), 0.02), weight()),
            "linear in integers: the input: it is on meta, and integers run on the CPU");
  EXPECT_EQ(refusal(input(), ff::quantize_per_tensor(meta(random_data({3, 4}, 2)), 0.02)),
            "linear in integers: the weight: it is on meta, and integers run on the CPU");
}

std::string convolution_refusal(double offset, int64_t padding, bool transposed = false) {
  const torch::Tensor x = ff::quantize_per_tensor(random_data({1, 2, 4, 4}, 1), 0.02, offset),
                      w = ff::quantize_per_tensor(random_data({2, 2, 3, 3}, 2), 0.02);
  const std::vector<int64_t> one = {1, 1}, zero = {0, 0};
  const IntegerGuard integers;
  for (const ff::dispatch::Refusal& refusal : ff::dispatch::why_not(
           "aten::convolution", {x, w, c10::IValue(), one, std::vector<int64_t>{padding, padding},
                                 one, transposed, zero, int64_t{1}}))
    return refusal.reason;
  return "";
}

TEST(IntegerConditions, OfConvolutions) {
  EXPECT_EQ(convolution_refusal(0, 1), "");
  EXPECT_EQ(convolution_refusal(128, 1), "") << "code -128 is zero";
  EXPECT_EQ(convolution_refusal(-127, 1), "") << "code 127 is zero";
  EXPECT_EQ(convolution_refusal(129, 0), "");
  EXPECT_EQ(convolution_refusal(129, 1),
            "the input is padded with zeros, and its grid has no code for zero");
  EXPECT_EQ(convolution_refusal(-128, 1),
            "the input is padded with zeros, and its grid has no code for zero");
  EXPECT_EQ(convolution_refusal(0, 0, true), "transposed convolutions have no integer form");
}

TEST(IntegerGuard, IsForItsScopeAndThread) {
  EXPECT_FALSE(ff::integers_enabled());
  EXPECT_TRUE(torch::GradMode::is_enabled());
  try {
    const IntegerGuard integers;
    EXPECT_TRUE(ff::integers_enabled());
    EXPECT_FALSE(torch::GradMode::is_enabled());
    std::thread([] { EXPECT_FALSE(ff::integers_enabled()); }).join();
    {
      const IntegerGuard off(false);
      EXPECT_FALSE(ff::integers_enabled());
    }
    EXPECT_TRUE(ff::integers_enabled());
    throw std::runtime_error("inside");
  } catch (const std::runtime_error&) {
  }
  EXPECT_FALSE(ff::integers_enabled());
  EXPECT_TRUE(torch::GradMode::is_enabled());
}

TEST(IntegerLayers, GiveTheCodesOfTheSimulation) {
  const torch::Tensor x = ff::quantize_per_tensor(random_data({6, 8}, 3), 0.02, -5.0);
  const torch::Tensor w = ff::quantize_per_tensor(random_data({4, 8}, 4), 0.01);
  ff::nn::LinearQuantizer quantizer(8);
  quantizer->set_quantization_range(-3, 3);
  const ff::nn::functional::FunctionalOptions options{.output_quantizer = quantizer};
  const torch::Tensor simulated = ff::nn::functional::linear(x, w, {}, options);
  const IntegerGuard integers;
  const torch::Tensor y = ff::nn::functional::linear(x, w, {}, options);
  EXPECT_TRUE(same(ff::codes(y), ff::codes(simulated)));
  const torch::Tensor values = ff::nn::functional::linear(x, w, {}, {.strict = false});
  EXPECT_FALSE(ff::is_quantized(values)) << "nobody quantizes it";
  EXPECT_TRUE(torch::allclose(values, torch::linear(x.dequantize(), w.dequantize()), 1e-5, 1e-5));
}

TEST(IntegerLayers, EmptyBatches) {
  const torch::Tensor x = ff::quantize_per_tensor(torch::empty({0, 8}), 0.02);
  const torch::Tensor w = ff::quantize_per_tensor(random_data({4, 8}, 4), 0.01);
  ff::nn::LinearQuantizer quantizer(8);
  quantizer->set_quantization_range(-3, 3);
  const IntegerGuard integers;
  const torch::Tensor y = ff::nn::functional::linear(x, w, {}, {.output_quantizer = quantizer});
  EXPECT_EQ(y.sizes(), (std::vector<int64_t>{0, 4}));
}

TEST(IntegerLayers, AWeightThatChangesIsPackedAgain) {
  const torch::Tensor x = input();
  const torch::Tensor w = weight();
  const IntegerGuard integers;
  const auto run = [&] { return ff::nn::functional::linear(x, w, {}, {.strict = false}); };
  const torch::Tensor before = run();
  EXPECT_TRUE(same(run(), before));
  ff::codes(w).add_(1);
  const torch::Tensor after = run();
  EXPECT_FALSE(same(after, before));
  EXPECT_TRUE(torch::allclose(after, torch::linear(x.dequantize(), w.dequantize()), 1e-5, 1e-5));
}

TEST(IntegerLayers, AreTheSameForAnyNumberOfThreads) {
  const torch::Tensor x = ff::quantize_per_tensor(random_data({700, 40}, 3), 0.02, -5.0);
  const torch::Tensor w = ff::quantize_per_tensor(random_data({50, 40}, 4), 0.01);
  const IntegerGuard integers;
  const int before = at::get_num_threads();
  at::set_num_threads(1);
  const torch::Tensor one = ff::nn::functional::linear(x, w, {}, {.strict = false});
  at::set_num_threads(2);
  EXPECT_TRUE(same(ff::nn::functional::linear(x, w, {}, {.strict = false}), one));
  at::set_num_threads(before);
}

TEST(IntegerLayers, ConvolutionsGiveChannelsThatLieTogether) {
  const torch::Tensor x = ff::quantize_per_tensor(
      random_data({2, 3, 5, 5}, 3).contiguous(torch::MemoryFormat::ChannelsLast), 0.02);
  const torch::Tensor w = ff::quantize_per_tensor(random_data({4, 3, 3, 3}, 4), 0.01);
  const IntegerGuard integers;
  const ff::StrictGuard relaxed(false);
  EXPECT_TRUE(torch::conv2d(x, w).is_contiguous(torch::MemoryFormat::ChannelsLast));
  EXPECT_TRUE(torch::allclose(torch::conv2d(x, w), torch::conv2d(x.dequantize(), w.dequantize()),
                              1e-5, 1e-5));
}

TEST(IntegerLayers, LayersOfOursAsTheyAre) {
  ff::nn::QuantizedConv2d conv(torch::nn::Conv2dOptions(3, 4, 3).padding(1));
  ff::nn::QuantizedLinear head(4 * 5 * 5, 7);
  torch::nn::Sequential net(conv, torch::nn::Flatten(), head);
  ff::find_quantizers(net, "**/[qtag:parameter/weight]")
      .initialize<ff::nn::LinearQuantizer>(
          ff::nn::LinearQuantizerOptions(8).granularity(ff::PerChannel(0)));
  ff::find_quantizers(net, "{0/input_quantizer, **/output_quantizer}")
      .initialize<ff::nn::LinearQuantizer>(ff::nn::LinearQuantizerOptions(8).symmetric(false));
  const torch::Tensor x = random_data({2, 3, 5, 5}, 3);
  const ff::StrictGuard relaxed(false);
  {
    const ff::range_setting::RangeEstimation estimation =
        ff::estimate_ranges(net, ff::range_setting::running_minmax());
    net->forward(x);
  }
  const torch::Tensor simulated = net->forward(x);
  const IntegerGuard integers;
  const torch::Tensor y = net->forward(x);
  ASSERT_TRUE(ff::is_quantized(y));
  EXPECT_FALSE(y.requires_grad());
  const torch::Tensor difference =
      (ff::codes(y).to(torch::kInt) - ff::codes(simulated).to(torch::kInt)).abs();
  EXPECT_LE(difference.max().item<int>(), 1);
}

}  // namespace
