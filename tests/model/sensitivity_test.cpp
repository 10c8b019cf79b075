#include "fastforward/model/sensitivity.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "fastforward/model/calibrate.h"
#include "model/explicit_quantization.h"
#include "support/expect_error.h"
#include "support/tensors.h"

namespace {

using ff::QuantizedModel;
using ff::test::floats;
using ff::test::on_grid;
using ff::test::random_data;
using ff::test::same;

// relu(x w1^T) w2^T, its quantizers and what it gives with some of them on.
struct Net {
  torch::Tensor w1 = random_data({4, 3}, 1), w2 = random_data({2, 4}, 2),
                x = random_data({6, 3}, 3);
  QuantizedModel model = nullptr;

  Net() {
    model = ff::autoquantize(
        [w1 = w1, w2 = w2](const torch::Tensor& in) {
          return torch::linear(torch::relu(torch::linear(in, w1)), w2);
        },
        x, ff::presets::with_bits({.weight_bits = 4, .activation_bits = 4}));
    ff::calibrate(model, x);
  }
  torch::Tensor run(const std::function<bool(const std::string&)>& is_on) const {
    const auto maybe = [&](const std::string& path, const torch::Tensor& data) {
      return is_on(path) ? on_grid(model, path, data) : data;
    };
    const torch::Tensor h =
        torch::relu(torch::linear(maybe("inputs.0.output", x), maybe("linear.weight", w1)));
    return torch::linear(maybe("relu.output", h), maybe("linear_1.weight", w2));
  }
};

double decibels(const torch::Tensor& output, const torch::Tensor& reference) {
  const torch::Tensor a = output.to(torch::kDouble), b = reference.to(torch::kDouble);
  return 10 * std::log10(b.square().sum().item<double>() / (a - b).square().sum().item<double>());
}

TEST(Sensitivity, Sqnr) {
  // 16 + 9 = 25 of signal, 0.25 of noise.
  EXPECT_DOUBLE_EQ(ff::sqnr({floats({4, 3.5})}, {floats({4, 3})}), 20);
  EXPECT_DOUBLE_EQ(ff::sqnr({floats({4}), floats({3.5})}, {floats({4}), floats({3})}), 20)
      << "over all outputs";
  EXPECT_EQ(ff::sqnr({floats({4})}, {floats({4})}), std::numeric_limits<double>::infinity());
  EXPECT_ERROR(c10::ValueError, "sqnr: output 0 has shape [1], but the reference has [2].",
               ff::sqnr({floats({1})}, {floats({1, 2})}));
  EXPECT_ERROR(c10::ValueError, "sqnr: 1 outputs, but 2 in the reference",
               ff::sqnr({floats({1})}, {floats({1}), floats({2})}));
}

TEST(Sensitivity, OneOnAtATime) {
  Net net;
  const ff::Sensitivity result = ff::sensitivity(net.model, net.x);
  const torch::Tensor reference = net.run([](const std::string&) { return false; });
  EXPECT_DOUBLE_EQ(result.all_on,
                   decibels(net.run([](const std::string&) { return true; }), reference));
  ASSERT_EQ(result.quantizers.size(), 4);
  double last = -std::numeric_limits<double>::infinity();
  for (const auto& [path, metric] : result.quantizers) {
    EXPECT_DOUBLE_EQ(
        metric,
        decibels(net.run([&path = path](const std::string& other) { return other == path; }),
                 reference))
        << path;
    EXPECT_GE(metric, last) << "the worst first";
    last = metric;
  }
}

TEST(Sensitivity, OneOffAtATime) {
  Net net;
  const ff::Sensitivity result = ff::sensitivity(net.model, net.x, ff::sqnr, {.leave_out = true});
  const torch::Tensor reference = net.run([](const std::string&) { return false; });
  ASSERT_EQ(result.quantizers.size(), 4);
  double last = std::numeric_limits<double>::infinity();
  for (const auto& [path, metric] : result.quantizers) {
    EXPECT_DOUBLE_EQ(
        metric,
        decibels(net.run([&path = path](const std::string& other) { return other != path; }),
                 reference))
        << path;
    EXPECT_LE(metric, last) << "the one that helps most first";
    last = metric;
  }
}

TEST(Sensitivity, LeavesTheModelAsItWas) {
  Net net;
  const torch::Tensor before = net.model(net.x);
  net.model->train();
  ff::sensitivity(net.model, net.x);
  ff::sqnr_by_quantizer(net.model, net.x);
  EXPECT_TRUE(net.model->is_training());
  EXPECT_TRUE(same(net.model(net.x), before));
}

TEST(Sensitivity, OwnMetricAndProgress) {
  Net net;
  int calls = 0;
  std::vector<std::pair<int64_t, int64_t>> told;
  const ff::Sensitivity result = ff::sensitivity(
      net.model, net.x,
      [&](const std::vector<c10::IValue>& outputs, const std::vector<c10::IValue>& reference) {
        EXPECT_EQ(outputs.size(), 1);
        EXPECT_EQ(reference.size(), 1);
        return ++calls;
      },
      {.progress = [&](int64_t done, int64_t total) { told.emplace_back(done, total); }});
  EXPECT_EQ(calls, 5);
  EXPECT_EQ(result.all_on, 1);
  EXPECT_EQ(told, (std::vector<std::pair<int64_t, int64_t>>{{1, 4}, {2, 4}, {3, 4}, {4, 4}}));
}

TEST(Sensitivity, PrintsAndIsJson) {
  ff::Sensitivity result;
  result.all_on = 12.345;
  result.quantizers = {{"a.weight", 20.5}, {"b.output", std::numeric_limits<double>::infinity()}};
  std::ostringstream stream;
  stream << result;
  EXPECT_EQ(stream.str(),
            "quantizer  alone on\n"
            "a.weight   20.50\n"
            "b.output   inf\n"
            "all on     12.35\n");
  EXPECT_EQ(nlohmann::json::parse(result.to_json()), nlohmann::json::parse(R"json(
      {"all_on": 12.345, "leave_out": false,
       "quantizers": [{"quantizer": "a.weight", "metric": 20.5},
                      {"quantizer": "b.output", "metric": null}]})json"));
}

TEST(Sensitivity, NeedsData) {
  Net net;
  EXPECT_ERROR(c10::ValueError,
               "sensitivity: there is no batch; give the inputs of at least one call.",
               ff::sensitivity(net.model, std::vector<ff::Inputs>{}));
  EXPECT_ERROR(c10::ValueError, "sensitivity: the metric is empty; ff::sqnr is one.",
               ff::sensitivity(net.model, net.x, nullptr));
  EXPECT_ERROR(c10::ValueError, "sqnr_by_quantizer: there is no batch",
               ff::sqnr_by_quantizer(net.model, std::vector<ff::Inputs>{}));
}

TEST(Sensitivity, ErrorsOnTheWay) {
  Net net;
  int64_t told = 0;
  const auto lines = ff::sqnr_by_quantizer(net.model, std::vector<ff::Inputs>{{net.x}, {net.x}},
                                           [&](int64_t done, int64_t) { told = done; });
  EXPECT_EQ(told, 2);
  const torch::Tensor xq = on_grid(net.model, "inputs.0.output", net.x);
  const torch::Tensor w1q = on_grid(net.model, "linear.weight", net.w1);
  const torch::Tensor h = torch::relu(torch::linear(net.x, net.w1));
  const torch::Tensor hq = on_grid(net.model, "relu.output", torch::relu(torch::linear(xq, w1q)));
  std::map<std::string, double> expected = {
      {"inputs.0.output", decibels(xq, net.x)},
      {"linear.weight", decibels(w1q, net.w1)},
      {"relu.output", decibels(hq, h)},
      {"linear_1.weight", decibels(on_grid(net.model, "linear_1.weight", net.w2), net.w2)}};
  ASSERT_EQ(lines.size(), 4);
  for (const auto& [path, metric] : lines)
    EXPECT_NEAR(metric, expected.at(path), 1e-9) << path;
}

TEST(Sensitivity, WeightAndOutputOfASiteTogether) {
  const torch::Tensor w1 = random_data({4, 3}, 1), w2 = random_data({2, 4}, 2),
                      x = random_data({6, 3}, 3);
  QuantizedModel model = ff::autoquantize(
      [=](const torch::Tensor& in) { return torch::linear(torch::linear(in, w1), w2); }, x,
      ff::presets::with_bits({.weight_bits = 4, .activation_bits = 4}));
  ff::calibrate(model, x);
  const torch::Tensor reference = torch::linear(torch::linear(x, w1), w2);
  const torch::Tensor h = torch::linear(x, on_grid(model, "linear.weight", w1));
  std::map<std::string, double> metrics;
  for (const auto& line : ff::sensitivity(model, x, ff::sqnr, {.by_site = true}).quantizers)
    metrics[line.quantizer] = line.metric;
  ASSERT_EQ(metrics.size(), 3);
  EXPECT_DOUBLE_EQ(metrics.at("linear"),
                   decibels(torch::linear(on_grid(model, "linear.output", h), w2), reference));
  EXPECT_DOUBLE_EQ(
      metrics.at("linear_1"),
      decibels(torch::linear(torch::linear(x, w1), on_grid(model, "linear_1.weight", w2)),
               reference));
  EXPECT_EQ(metrics.count("inputs.0"), 1);
}

}  // namespace
