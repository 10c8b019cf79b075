#include "fastforward/model/calibrate.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>
#include <limits>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "fastforward/model/presets.h"
#include "fastforward/range_setting/min_error.h"
#include "fastforward/range_setting/min_max.h"
#include "model/explicit_quantization.h"
#include "support/expect_error.h"
#include "support/tensors.h"

namespace {

using ff::FloatModel;
using ff::Inputs;
using ff::QuantizedModel;
using ff::test::linear_quantizer;
using ff::test::on_grid;
using ff::test::random_data;
using ff::test::same;
using Names = std::vector<std::string>;

// tanh(x w1^T) w2^T
struct Net {
  torch::Tensor w1 = random_data({4, 3}, 1), w2 = random_data({2, 4}, 2);
  FloatModel model{[w1 = w1, w2 = w2](const torch::Tensor& x) {
    return torch::linear(torch::tanh(torch::linear(x, w1)), w2);
  }};
};

void expect_range(const QuantizedModel& model, const std::string& path, const torch::Tensor& data) {
  const auto range = linear_quantizer(model, path).quantization_range();
  ASSERT_TRUE(range.has_value()) << path;
  // The range is kept as a scale and an offset in float32.
  EXPECT_NEAR(range->min.item<double>(), data.min().item<double>(), 1e-5) << path;
  EXPECT_NEAR(range->max.item<double>(), data.max().item<double>(), 1e-5) << path;
}

TEST(Calibrate, RangesAreThoseOfTheFloatModel) {
  const Net net;
  const torch::Tensor a = random_data({6, 3}, 3), b = random_data({9, 3}, 4) * 2;
  QuantizedModel model = ff::autoquantize(net.model, a);
  const ff::CalibrationReport report = ff::calibrate(model, std::vector<torch::Tensor>{a, b});
  EXPECT_EQ(report.batches, 2);
  EXPECT_EQ(report.estimated, (Names{"inputs.0.output", "tanh.output"}));
  EXPECT_TRUE(report.not_reached.empty());
  const torch::Tensor all = torch::cat({a, b});
  expect_range(model, "inputs.0.output", all);
  expect_range(model, "tanh.output", torch::tanh(torch::linear(all, net.w1)));
  std::ostringstream stream;
  stream << report;
  EXPECT_EQ(stream.str(), "2 batches, 2 ranges estimated, 0 quantizers need none\n");
}

TEST(Calibrate, OrOfTheQuantizedOneSoFar) {
  const Net net;
  const torch::Tensor x = random_data({6, 3}, 3);
  QuantizedModel model = ff::autoquantize(
      net.model, x, ff::presets::with_bits({.weight_bits = 2, .activation_bits = 8}));
  ff::calibrate(model, x, {.quantize_while_estimating = true});
  const torch::Tensor h = torch::tanh(
      torch::linear(on_grid(model, "inputs.0.output", x), on_grid(model, "linear.weight", net.w1)));
  expect_range(model, "tanh.output", h);
}

TEST(Calibrate, GoesOnFromTheRangesBefore) {
  const Net net;
  const torch::Tensor a = random_data({6, 3}, 3) * 3, b = random_data({6, 3}, 4);
  QuantizedModel model = ff::autoquantize(net.model, a);
  ff::calibrate(model, a);
  ff::calibrate(model, b);
  expect_range(model, "inputs.0.output", torch::cat({a, b}));
}

TEST(Calibrate, LeavesTheWeightsAsTheyAre) {
  const Net net;
  const torch::Tensor x = random_data({6, 3}, 3);
  QuantizedModel model = ff::autoquantize(net.model, x);
  const torch::Tensor before = linear_quantizer(model, "linear.weight").scale.clone();
  ff::calibrate(model, x);
  ff::calibrate(model, x);
  EXPECT_TRUE(same(linear_quantizer(model, "linear.weight").scale, before));
}

TEST(Calibrate, ASourceOfBatches) {
  const Net net;
  const torch::Tensor x = random_data({6, 3}, 3);
  QuantizedModel model = ff::autoquantize(net.model, x);
  std::vector<std::pair<int64_t, int64_t>> told;
  int left = 3;
  const auto source = [&]() -> std::optional<Inputs> {
    return left-- > 0 ? std::optional<Inputs>({x}) : std::nullopt;
  };
  const auto note = [&](int64_t done, int64_t total) { told.emplace_back(done, total); };
  EXPECT_EQ(ff::calibrate(model, source, {.progress = note}).batches, 3);
  EXPECT_EQ(told, (std::vector<std::pair<int64_t, int64_t>>{{1, 0}, {2, 0}, {3, 0}}));
  told.clear();
  ff::calibrate(model, std::vector<Inputs>{{x}, {x}}, {.progress = note});
  EXPECT_EQ(told, (std::vector<std::pair<int64_t, int64_t>>{{1, 2}, {2, 2}}));
}

TEST(Calibrate, TakesTheEstimatorOfTheOptionsElseOfTheRules) {
  const Net net;
  const torch::Tensor a = random_data({6, 3}, 3), b = random_data({6, 3}, 4) * 2;
  ff::QuantizationConfig config = ff::presets::w8a8();
  config
      .add_rule<ff::nn::LinearQuantizer>("inputs/**",
                                         ff::nn::LinearQuantizerOptions(8).symmetric(false))
      .estimate_with(ff::range_setting::smoothed_minmax({.gamma = 1}));
  QuantizedModel model = ff::autoquantize(net.model, a, config);
  ff::calibrate(model, std::vector<torch::Tensor>{b, a});
  expect_range(model, "inputs.0.output", a);
  expect_range(model, "tanh.output", torch::tanh(torch::linear(torch::cat({a, b}), net.w1)));
  QuantizedModel other = ff::autoquantize(net.model, a, config);
  ff::calibrate(other, std::vector<torch::Tensor>{b, a},
                {.estimator = ff::range_setting::running_minmax()});
  expect_range(other, "inputs.0.output", torch::cat({a, b}));
}

TEST(Calibrate, BadDataIsNamed) {
  const Net net;
  const torch::Tensor good = random_data({6, 3}, 3);
  for (const float value :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    torch::Tensor bad = good.clone();
    bad[1][1] = value;
    QuantizedModel model = ff::autoquantize(net.model, good);
    EXPECT_ERROR(c10::ValueError, "LinearQuantizer 'inputs.0.output': batch 1: ",
                 ff::calibrate(model, std::vector<torch::Tensor>{good, bad}));
    EXPECT_TRUE(same(net.model.forward({good}).toTensor(),
                     torch::linear(torch::tanh(torch::linear(good, net.w1)), net.w2)));
    ff::calibrate(model, good);
    EXPECT_TRUE(torch::isfinite(model(good)).all().item<bool>()) << "it can go on after it";
  }
}

TEST(Calibrate, QuantizersThatNoBatchReached) {
  const torch::Tensor w = random_data({3, 3}, 1);
  const FloatModel net([=](const torch::Tensor& x) {
    const torch::Tensor h = torch::linear(x, w);
    return torch::linear(x.sum().item<float>() > 0 ? torch::relu(h) : torch::sigmoid(h), w);
  });
  const torch::Tensor x = torch::rand({4, 3});
  QuantizedModel model = ff::autoquantize(net, std::vector<Inputs>{{x}, {-x}});
  const ff::CalibrationReport report = ff::calibrate(model, x);
  EXPECT_EQ(report.not_reached, (Names{"sigmoid.output"}));
  EXPECT_EQ(report.estimated, (Names{"inputs.0.output", "relu.output"}));
  std::ostringstream stream;
  stream << report;
  EXPECT_NE(stream.str().find("no batch reached sigmoid.output\n"), std::string::npos);
  EXPECT_NO_THROW(model(x)) << "what does not run needs no range";
  EXPECT_ERROR(c10::ValueError, "1 quantizers have no range yet: sigmoid.output", model(-x));
}

TEST(Calibrate, QuantizersThatNeedNoRangeAreSkipped) {
  const Net net;
  const torch::Tensor x = random_data({6, 3}, 3);
  QuantizedModel model = ff::autoquantize(net.model, x, ff::presets::w8a8_per_token());
  const ff::CalibrationReport report = ff::calibrate(model, x);
  EXPECT_TRUE(report.estimated.empty());
  ASSERT_EQ(report.skipped.size(), 2);
  EXPECT_EQ(report.skipped[0].path, "inputs.0.output");
  EXPECT_FALSE(report.skipped[0].reason.empty());
}

TEST(Calibrate, RunsNothingWhereNothingIsToBeEstimated) {
  const Net net;
  const torch::Tensor x = random_data({6, 3}, 3);
  QuantizedModel model = ff::autoquantize(net.model, x, ff::presets::w8());
  const ff::CalibrationReport report =
      ff::calibrate(model, ff::BatchSource([]() -> std::optional<Inputs> {
                      throw std::logic_error("no batch is needed");
                    }));
  EXPECT_EQ(report.batches, 0);
  EXPECT_TRUE(report.estimated.empty());
}

TEST(Calibrate, RunsInEvalMode) {
  torch::nn::Sequential net(torch::nn::Linear(3, 4), torch::nn::BatchNorm1d(4),
                            torch::nn::Linear(4, 2));
  const torch::Tensor x = random_data({6, 3}, 3);
  QuantizedModel model = ff::autoquantize(net, x);
  const torch::Tensor before = net[1]->as<torch::nn::BatchNorm1dImpl>()->running_mean.clone();
  ff::calibrate(model, x);
  EXPECT_TRUE(same(net[1]->as<torch::nn::BatchNorm1dImpl>()->running_mean, before));
  EXPECT_TRUE(model->is_training());
  EXPECT_TRUE(net->is_training());
}

}  // namespace
