#include "fastforward/range_setting/estimate_ranges.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include <atomic>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "fastforward/nn/dynamic_linear_quantizer.h"
#include "fastforward/nn/linear_quantizer.h"
#include "fastforward/nn/quantizer_stub.h"
#include "fastforward/range_setting/min_error.h"
#include "fastforward/range_setting/min_max.h"
#include "support/expect_error.h"
#include "support/tensors.h"

namespace {

namespace range_setting = ff::range_setting;
using ff::nn::DynamicLinearQuantizer;
using ff::nn::LinearQuantizer;
using ff::nn::LinearQuantizerOptions;
using ff::test::floats;
using ff::test::same;

LinearQuantizer asymmetric() {
  return LinearQuantizer(LinearQuantizerOptions(8).symmetric(false));
}

struct Model : torch::nn::Module {
  Model() {
    register_module("first", first);
    register_module("second", second);
    register_module("stub", ff::nn::QuantizerStub());
  }
  torch::Tensor forward(const torch::Tensor& x) {
    return second(first(x).dequantize() * 10);
  }
  LinearQuantizer first = asymmetric(), second = asymmetric();
};

void expect_range(const LinearQuantizer& quantizer, double min, double max, double more = 0) {
  const auto range = quantizer->quantization_range();
  ASSERT_TRUE(range.has_value());
  // The range is stored as scale and offset in float32.
  EXPECT_NEAR(range->min.item<double>(), min, 1e-4 * (max - min) + more);
  EXPECT_NEAR(range->max.item<double>(), max, 1e-4 * (max - min) + more);
}

TEST(EstimateRanges, EveryQuantizerSeesItsOwnData) {
  Model model;
  {
    const auto estimation = ff::estimate_ranges(model, range_setting::running_minmax());
    EXPECT_TRUE(ff::is_quantized(model.forward(floats({-1, 2}))));
    model.forward(floats({0, 3}));
    EXPECT_TRUE(estimation.skipped().empty());
  }
  expect_range(model.first, -1, 3);
  expect_range(model.second, -10, 30, 10 * 4.0 / 255);  // one step of the first
}

TEST(EstimateRanges, StopsAtTheEndOfTheScope) {
  Model model;
  auto estimation = ff::estimate_ranges(model, range_setting::running_minmax());
  model.forward(floats({-1, 1}));
  estimation.end();
  model.forward(floats({-100, 100}));
  expect_range(model.first, -1, 1);
  EXPECT_TRUE(model.first->overrides().entries()->empty());
}

TEST(EstimateRanges, EndsWhenAnExceptionPassesAndKeepsTheRanges) {
  Model model;
  try {
    const auto estimation = ff::estimate_ranges(model, range_setting::running_minmax());
    model.forward(floats({-1, 1}));
    throw std::runtime_error("out");
  } catch (const std::runtime_error&) {
  }
  EXPECT_TRUE(model.first->overrides().entries()->empty());
  expect_range(model.first, -1, 1);
}

TEST(EstimateRanges, ScopesMove) {
  LinearQuantizer quantizer = asymmetric();
  std::vector<range_setting::RangeEstimation> kept;
  kept.push_back(ff::estimate_ranges(quantizer, range_setting::running_minmax()));
  quantizer->forward(floats({-1, 1}));
  expect_range(quantizer, -1, 1);
}

TEST(EstimateRanges, SeveralModels) {
  Model one, two;
  LinearQuantizer alone = asymmetric();
  const auto estimation = ff::estimate_ranges({one, two, alone}, range_setting::running_minmax());
  one.forward(floats({-1, 1}));
  two.forward(floats({-2, 2}));
  alone->forward(floats({-3, 3}));
  expect_range(one.first, -1, 1);
  expect_range(two.first, -2, 2);
  expect_range(alone, -3, 3);
}

TEST(EstimateRanges, NonfiniteDataNamesQuantizerAndBatch) {
  const float nan = std::numeric_limits<float>::quiet_NaN(),
              infinity = std::numeric_limits<float>::infinity();
  for (const auto& estimator : {range_setting::running_minmax(), range_setting::smoothed_minmax(),
                                range_setting::mse_grid({.num_candidates = 4})}) {
    Model model;
    const auto estimation = ff::estimate_ranges(model, estimator);
    model.forward(floats({-1, 1}));
    EXPECT_ERROR(c10::ValueError,
                 "LinearQuantizer 'first': batch 1: " + estimator->name() +
                     ": the data of shape [2] has 1 values that are NaN or infinite, the first at "
                     "flat index 1: nan",
                 model.forward(floats({1, nan})));
    EXPECT_ERROR(c10::ValueError, "the first at flat index 0: -inf",
                 model.forward(floats({-infinity, 1})));
    EXPECT_TRUE(model.first->scale.isfinite().all().item<bool>());
  }
}

TEST(EstimateRanges, DataMustBePlainFloatingPoint) {
  Model model;
  const auto estimation = ff::estimate_ranges(model, range_setting::running_minmax());
  EXPECT_ERROR(c10::TypeError,
               "LinearQuantizer 'first': batch 0: running_minmax: the data has type "
               "Long",
               model.forward(torch::ones({2}, torch::kLong)));
  const torch::Tensor q = model.first->forward(floats({-1, 1}));
  EXPECT_ERROR(c10::ValueError, "is quantized already", model.first->forward(q));
}

TEST(EstimateRanges, EmptyBatchesChangeNothing) {
  Model model;
  const auto estimation = ff::estimate_ranges(model, range_setting::running_minmax());
  model.first->forward(floats({1, 2}));
  EXPECT_EQ(model.first->forward(torch::empty({0, 3})).numel(), 0);
  expect_range(model.first, 1, 2);
  EXPECT_ERROR(c10::ValueError, "LinearQuantizer 'first': batch 2: running_minmax: ",
               model.first->forward(floats({std::numeric_limits<float>::infinity()})));
}

TEST(EstimateRanges, UnsupportedQuantizersAreAnErrorOrSkipped) {
  struct Mixed : torch::nn::Module {
    Mixed() {
      register_module("dynamic", DynamicLinearQuantizer(8));
      register_module("linear", linear);
    }
    LinearQuantizer linear = asymmetric();
  };
  Mixed model;
  EXPECT_ERROR(c10::TypeError,
               "running_minmax: DynamicLinearQuantizer 'dynamic' does not implement "
               "ff::nn::RangeSettable; implement it, or set skip_unsupported to leave such "
               "quantizers as they are.",
               ff::estimate_ranges(model, range_setting::running_minmax()));
  EXPECT_ERROR(c10::TypeError, "does not implement ff::nn::SupportsRangeBasedOperator",
               ff::estimate_ranges(model, range_setting::mse_grid()));
  EXPECT_TRUE(model.linear->overrides().entries()->empty());
  const auto estimation =
      ff::estimate_ranges(model, range_setting::running_minmax({.skip_unsupported = true}));
  ASSERT_EQ(estimation.skipped().size(), 1U);
  EXPECT_EQ(estimation.skipped()[0].path, "dynamic");
  EXPECT_EQ(estimation.skipped()[0].reason,
            "DynamicLinearQuantizer 'dynamic' does not implement ff::nn::RangeSettable");
  model.linear->forward(floats({-1, 1}));
  expect_range(model.linear, -1, 1);
}

TEST(EstimateRanges, DisableQuantizationPassesDataOn) {
  for (const auto& estimator :
       {range_setting::running_minmax({.disable_quantization = true}),
        range_setting::smoothed_minmax({.disable_quantization = true}),
        range_setting::mse_grid({.num_candidates = 4, .disable_quantization = true})}) {
    LinearQuantizer quantizer = asymmetric();
    const auto estimation = ff::estimate_ranges(quantizer, estimator);
    EXPECT_TRUE(same(quantizer->forward(floats({-1, 1})), floats({-1, 1})));
    EXPECT_TRUE(quantizer->is_initialized());
  }
}

TEST(EstimateRanges, GradientsStillFlow) {
  LinearQuantizer quantizer = asymmetric();
  const auto estimation = ff::estimate_ranges(quantizer, range_setting::running_minmax());
  const torch::Tensor x = floats({-1, 1}).requires_grad_();
  quantizer->forward(x).dequantize().sum().backward();
  EXPECT_TRUE(same(x.grad(), floats({1, 1})));
}

TEST(EstimateRanges, NullIsRefused) {
  Model model;
  EXPECT_ERROR(c10::ValueError, "estimate_ranges got a null estimator",
               ff::estimate_ranges(model, nullptr));
}

// Counts warnings.
struct Warnings : c10::WarningHandler {
  void process(const c10::Warning& warning) override {
    texts.push_back(warning.msg());
  }
  std::vector<std::string> texts;
};

TEST(EstimateRanges, WarnsWhenThereIsNothingToEstimate) {
  Warnings warnings;
  const c10::WarningUtils::WarningHandlerGuard guard(&warnings);
  ff::nn::QuantizerStub stub;
  { const auto estimation = ff::estimate_ranges(stub, range_setting::running_minmax()); }
  ASSERT_EQ(warnings.texts.size(), 1U);
  EXPECT_NE(warnings.texts[0].find("running_minmax: estimate_ranges found no quantizer"),
            std::string::npos)
      << warnings.texts[0];
}

// An estimator of the user's own.
struct FirstBatch : range_setting::RangeEstimator {
  FirstBatch() : RangeEstimator({}) {}
  std::string name() const override {
    return "first_batch";
  }
  struct Step : range_setting::EstimatorStep {
    void estimate(ff::nn::RangeSettable& quantizer, const torch::Tensor& data) override {
      if (done)
        return;
      done = true;
      quantizer.set_quantization_range(data.min().reshape({1}), data.max().reshape({1}));
    }
    bool done = false;
  };
  std::unique_ptr<range_setting::EstimatorStep> make_step(ff::nn::RangeSettable&) const override {
    return std::make_unique<Step>();
  }
};

TEST(EstimateRanges, TakesEstimatorsOfTheUser) {
  Model model;
  const auto estimation = ff::estimate_ranges(model, std::make_shared<FirstBatch>());
  model.forward(floats({-1, 2}));
  model.forward(floats({-5, 5}));
  expect_range(model.first, -1, 2);
}

TEST(EstimateRanges, FailedBatchesCountToo) {
  Model model;
  const auto estimation = ff::estimate_ranges(model, range_setting::running_minmax());
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (int batch = 0; batch < 3; ++batch) {
    EXPECT_ERROR(c10::ValueError, "'first': batch " + std::to_string(batch) + ": running_minmax",
                 model.forward(floats({nan})));
  }
}

TEST(EstimateRanges, DataBeyondFloat32NamesTheQuantizerOnce) {
  Model model;
  const auto estimation = ff::estimate_ranges(model, range_setting::running_minmax());
  EXPECT_ERROR(c10::ValueError,
               "LinearQuantizer 'first': batch 0: parameters_for_range: min[0] is -1e+300, beyond "
               "the largest float32 value",
               model.first->forward(torch::tensor({-1e300, 1.0}, torch::kDouble)));
}

TEST(EstimateRanges, ThreadsMayShareAScope) {
  constexpr int kThreads = 4, kBatches = 200;
  LinearQuantizer quantizer(
      LinearQuantizerOptions(8).symmetric(false).granularity(ff::PerChannel(0)));
  std::atomic<int> quantized = 0;
  {
    const auto estimation = ff::estimate_ranges(quantizer, range_setting::running_minmax());
    std::vector<std::thread> threads;
    for (int thread = 0; thread < kThreads; ++thread) {
      threads.emplace_back([&, thread] {
        for (int batch = 0; batch < kBatches; ++batch) {
          const float end = static_cast<float>(thread * kBatches + batch + 1);
          const torch::Tensor data = torch::full({3, 64}, end);
          quantized += ff::is_quantized(quantizer->forward(torch::cat({data, -data}, 1))) ? 1 : 0;
        }
      });
    }
    for (std::thread& thread : threads)
      thread.join();
  }
  EXPECT_EQ(quantized, kThreads * kBatches);
  const auto range = quantizer->quantization_range();
  ASSERT_TRUE(range.has_value());
  // The range is stored as scale and offset in float32.
  EXPECT_TRUE(torch::allclose(range->max, torch::full({3}, 1.0F * kThreads * kBatches), 1e-4));
  EXPECT_TRUE(torch::allclose(range->min, torch::full({3}, -1.0F * kThreads * kBatches), 1e-4));
}

}  // namespace
