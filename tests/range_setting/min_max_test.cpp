#include "fastforward/range_setting/min_max.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include <limits>
#include <vector>

#include "fastforward/nn/linear_quantizer.h"
#include "fastforward/range_setting/estimate_ranges.h"
#include "support/expect_error.h"
#include "support/tensors.h"

namespace {

namespace range_setting = ff::range_setting;
using ff::nn::LinearQuantizer;
using ff::nn::LinearQuantizerOptions;
using ff::test::floats;

// The range after some batches, as [min..., max...].
std::vector<double> estimated(LinearQuantizer& quantizer,
                              const std::shared_ptr<range_setting::RangeEstimator>& estimator,
                              const std::vector<torch::Tensor>& batches) {
  const auto estimation = ff::estimate_ranges(quantizer, estimator);
  for (const torch::Tensor& batch : batches)
    quantizer->forward(batch);
  const auto range = quantizer->quantization_range();
  const torch::Tensor both = torch::cat({range->min, range->max}).to(torch::kDouble).contiguous();
  return {both.const_data_ptr<double>(), both.const_data_ptr<double>() + both.numel()};
}

void expect_close(const std::vector<double>& got, const std::vector<double>& expected) {
  ASSERT_EQ(got.size(), expected.size());
  for (size_t i = 0; i < got.size(); ++i)  // ranges are stored as float32 scale and offset
    EXPECT_NEAR(got[i], expected[i], 1e-4) << "value " << i;
}

LinearQuantizer asymmetric(const ff::Granularity& granularity = ff::PerTensor()) {
  return LinearQuantizer(LinearQuantizerOptions(8).symmetric(false).granularity(granularity));
}

TEST(RunningMinmax, TakesTheExtremesOfAllBatches) {
  LinearQuantizer quantizer = asymmetric();
  expect_close(estimated(quantizer, range_setting::running_minmax(),
                         {floats({0, 1}), floats({-2, 0.5}), floats({0, 3}), floats({0})}),
               {-2, 3});
}

TEST(RunningMinmax, WorksForEachTile) {
  LinearQuantizer channels = asymmetric(ff::PerChannel(1));
  expect_close(estimated(channels, range_setting::running_minmax(),
                         {floats({-1, 2, -3, 5}).reshape({2, 2}), floats({-4, 9}).reshape({1, 2})}),
               {-4, 2, -1, 9});
  LinearQuantizer loose = asymmetric(ff::PerBlock(0, 2, {}, false));
  expect_close(estimated(loose, range_setting::running_minmax(), {floats({1, 2, 5})}),
               {1, 5, 2, 5});
}

TEST(RunningMinmax, GoesOnFromTheRangeBefore) {
  LinearQuantizer quantizer = asymmetric();
  quantizer->set_quantization_range(-5.0, 1.0);
  expect_close(estimated(quantizer, range_setting::running_minmax(), {floats({-1, 3})}), {-5, 3});
}

TEST(RunningMinmax, AllZeroDataGivesAUsableRange) {
  LinearQuantizer quantizer(8);
  estimated(quantizer, range_setting::running_minmax(), {torch::zeros({4})});
  EXPECT_GT(quantizer->scale.item<float>(), 0);
  EXPECT_TRUE(
      ff::test::same(quantizer->forward(torch::zeros({4})).dequantize(), torch::zeros({4})));
}

TEST(RunningMinmax, TheNumberOfTilesMustStay) {
  LinearQuantizer quantizer = asymmetric(ff::PerChannel(0));
  const auto estimation = ff::estimate_ranges(quantizer, range_setting::running_minmax());
  quantizer->forward(torch::ones({2, 3}));
  EXPECT_ERROR(
      c10::ValueError,
      "running_minmax: data of shape [4, 3] has 4 tiles of PerChannel(0), but the range so "
      "far has 2; the number of tiles must stay.",
      quantizer->forward(torch::ones({4, 3})));
}

TEST(RunningMinmax, HalfPrecisionData) {
  LinearQuantizer quantizer = asymmetric();
  expect_close(estimated(quantizer, range_setting::running_minmax(),
                         {floats({-1, 2}).to(torch::kHalf), floats({-0.5, 3}).to(torch::kHalf)}),
               {-1, 3});
}

TEST(NarrowMinmax, TakesTheLargestMagnitudeOfAllBatches) {
  LinearQuantizer quantizer(LinearQuantizerOptions(8).allow_one_sided(false));
  estimated(quantizer, range_setting::narrow_minmax(), {floats({-1, 2}), floats({-2.54, 0})});
  EXPECT_NEAR(quantizer->scale.item<float>(), 0.02, 1e-8) << "2.54 / 127";
  EXPECT_EQ(quantizer->forward(floats({-2.54, 2.54})).dequantize().abs().max().item<float>(),
            quantizer->scale.item<float>() * 127);
}

TEST(NarrowMinmax, WorksForEachTile) {
  LinearQuantizer quantizer(
      LinearQuantizerOptions(8).allow_one_sided(false).granularity(ff::PerChannel(0)));
  estimated(quantizer, range_setting::narrow_minmax(), {floats({1, -127, 254, 3}).reshape({2, 2})});
  EXPECT_TRUE(ff::test::same(quantizer->scale, floats({1, 2})));
}

TEST(NarrowMinmax, OfOneSidedDataToo) {
  LinearQuantizer quantizer(LinearQuantizerOptions(8).allow_one_sided(false));
  estimated(quantizer, range_setting::narrow_minmax(), {floats({0, 127})});
  EXPECT_EQ(quantizer->scale.item<float>(), 1);
}

TEST(NarrowMinmax, TheSameDataAgainChangesNothing) {
  // The range of a quantizer has the lowest code, which this estimator does not use.
  LinearQuantizer quantizer(LinearQuantizerOptions(8).allow_one_sided(false));
  for (int scope = 0; scope < 3; ++scope) {
    estimated(quantizer, range_setting::narrow_minmax(), {floats({-1, 127})});
    EXPECT_EQ(quantizer->scale.item<float>(), 1) << "scope " << scope;
  }
  estimated(quantizer, range_setting::narrow_minmax(), {floats({-254, 127})});
  EXPECT_EQ(quantizer->scale.item<float>(), 2);
}

TEST(NarrowMinmax, NaNIsAnError) {
  LinearQuantizer quantizer(8);
  EXPECT_ERROR(c10::ValueError, "batch 0: narrow_minmax",
               estimated(quantizer, range_setting::narrow_minmax(),
                         {floats({0, std::numeric_limits<float>::quiet_NaN()})}));
}

TEST(SmoothedMinmax, AveragesBatches) {
  LinearQuantizer quantizer = asymmetric();
  // -4 then 0.25 * -8 + 0.75 * -4 = -5; 4 then 0.25 * 0 + 0.75 * 4 = 3.
  expect_close(estimated(quantizer, range_setting::smoothed_minmax({.gamma = 0.25}),
                         {floats({-4, 4}), floats({-8, 0})}),
               {-5, 3});
}

TEST(SmoothedMinmax, RemembersOnlyTheLastBatchByDefault) {
  LinearQuantizer quantizer = asymmetric();
  expect_close(
      estimated(quantizer, range_setting::smoothed_minmax(), {floats({-4, 4}), floats({-1, 2})}),
      {-1, 2});
}

TEST(SmoothedMinmax, BeginsWithTheRangeBefore) {
  LinearQuantizer quantizer = asymmetric();
  quantizer->set_quantization_range(-4.0, 4.0);
  expect_close(
      estimated(quantizer, range_setting::smoothed_minmax({.gamma = 0.5}), {floats({-8, 0})}),
      {-6, 2});
}

TEST(SmoothedMinmax, GammaIsInZeroToOne) {
  for (const double gamma : {-0.1, 1.5, std::numeric_limits<double>::quiet_NaN()}) {
    EXPECT_ERROR(c10::ValueError, "smoothed_minmax: gamma is ",
                 range_setting::smoothed_minmax({.gamma = gamma}));
  }
  EXPECT_ERROR(c10::ValueError, "gamma is 1.5; expected a value in [0, 1].",
               range_setting::smoothed_minmax({.gamma = 1.5}));
}

}  // namespace
