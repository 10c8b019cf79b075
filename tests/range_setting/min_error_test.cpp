#include "fastforward/range_setting/min_error.h"

#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <limits>
#include <vector>

#include "fastforward/nn/linear_quantizer.h"
#include "fastforward/quantization/affine.h"
#include "fastforward/range_setting/estimate_ranges.h"
#include "support/expect_error.h"
#include "support/naive.h"
#include "support/tensors.h"

namespace {

namespace range_setting = ff::range_setting;
using ff::nn::LinearQuantizer;
using ff::nn::LinearQuantizerOptions;
using ff::test::floats;
using ff::test::random_data;
using ff::test::same;
using range_setting::SearchGrid;

TEST(UniformSearchGrid, OneSidedData) {
  const SearchGrid grid =
      range_setting::uniform_search_grid(0.0, 1.0)(floats({1, 4, 2, 8}).reshape({2, 2}), true, 4);
  EXPECT_TRUE(same(grid.min, torch::zeros({4, 2})));
  EXPECT_TRUE(same(grid.max, floats({1, 2, 2, 4, 3, 6, 4, 8}).reshape({4, 2})));
}

TEST(UniformSearchGrid, SymmetricData) {
  const SearchGrid grid =
      range_setting::uniform_search_grid(0.5, 2.0)(floats({-1, 3}).reshape({1, 2}), true, 2);
  // max_d = 2 * 3 + 0.5, min_d = -2.5
  EXPECT_TRUE(same(grid.max, floats({3.25, 6.5}).reshape({2, 1})));
  EXPECT_TRUE(same(grid.min, -grid.max));
}

TEST(UniformSearchGrid, AsymmetricDataHasAllPairs) {
  const SearchGrid grid =
      range_setting::uniform_search_grid(0.0, 1.0)(floats({-10, 20}).reshape({1, 2}), false, 6);
  // floor(sqrt(6)) = 2 minima, 6 - 4 + 2 = 4 maxima.
  ASSERT_EQ(grid.min.sizes(), at::IntArrayRef({8, 1}));
  const torch::Tensor mins = floats({-10, -6}), maxes = floats({12, 14.666667, 17.333333, 20});
  for (int64_t i = 0; i < 8; ++i) {
    EXPECT_NEAR(grid.min[i].item<float>(), mins[i % 2].item<float>(), 1e-5) << "pair " << i;
    EXPECT_NEAR(grid.max[i].item<float>(), maxes[i / 2].item<float>(), 1e-5) << "pair " << i;
  }
}

TEST(UniformSearchGrid, EveryPairIsARange) {
  for (uint64_t seed = 0; seed < 30; ++seed) {
    const torch::Tensor rows = random_data({3, 5}, seed) + static_cast<double>(seed % 5) * 3 - 8;
    for (const bool symmetric : {false, true}) {
      const SearchGrid grid = range_setting::uniform_search_grid()(rows, symmetric, 20);
      EXPECT_TRUE(grid.min.le(grid.max).all().item<bool>()) << "seed " << seed;
    }
  }
}

TEST(MseError, IsTheMeanOfEachRow) {
  EXPECT_TRUE(same(range_setting::mse_error(floats({1, 2, 3, 4}).reshape({2, 2}),
                                            floats({1, 4, 0, 0}).reshape({2, 2})),
                   floats({2, 12.5})));
}

// A grid of one-sided ranges [0, max], the same for every tile.
range_setting::SearchGridGenerator fixed_grid(const std::vector<float>& maxes) {
  return [maxes](const torch::Tensor& rows, bool, int64_t) {
    const torch::Tensor max = floats(maxes).unsqueeze(1).expand({-1, rows.size(0)}).contiguous();
    return SearchGrid{torch::zeros_like(max), max};
  };
}

TEST(MinErrorGrid, FindsTheCandidateWithTheLeastError) {
  // Naive: quantize with each candidate's scale (max / 15, offset 8), add the errors of all
  // batches.
  const std::vector<float> maxes{0.5, 1, 2, 3, 4, 6};
  const std::vector<torch::Tensor> batches{random_data({200}, 1).abs(),
                                           random_data({300}, 2).abs()};
  double best_error = std::numeric_limits<double>::infinity();
  float best = 0;
  for (const float max : maxes) {
    double error = 0;
    for (const torch::Tensor& batch : batches) {
      const auto naive = ff::test::naive_affine(batch, floats({max / 15}), floats({8}),
                                                {{batch.numel()}, {batch.numel()}}, 4);
      error += (naive.values - batch).pow(2).mean().item<double>();
    }
    if (error < best_error) {
      best_error = error;
      best = max;
    }
  }
  ASSERT_NE(best, maxes.front());
  ASSERT_NE(best, maxes.back());
  LinearQuantizer quantizer(4);
  const auto estimation = ff::estimate_ranges(
      quantizer, range_setting::mse_grid({.search_grid_generator = fixed_grid(maxes)}));
  for (const torch::Tensor& batch : batches)
    quantizer->forward(batch);
  EXPECT_EQ(quantizer->scale.item<float>(), best / 15);
}

TEST(MinErrorGrid, ChoosesForEachTile) {
  LinearQuantizer quantizer(LinearQuantizerOptions(2).granularity(ff::PerChannel(0)));
  const auto estimation = ff::estimate_ranges(
      quantizer, range_setting::mse_grid({.search_grid_generator = fixed_grid({3, 30})}));
  quantizer->forward(floats({1, 2, 3, 10, 20, 30}).reshape({2, 3}));
  EXPECT_TRUE(same(quantizer->scale, floats({1, 10})));
}

TEST(MinErrorGrid, TheFirstOfEqualOnesWins) {
  LinearQuantizer quantizer(2);
  const auto estimation = ff::estimate_ranges(
      quantizer,
      range_setting::min_error_grid(
          {.error_function = [](const torch::Tensor& quantized,
                                const torch::Tensor&) { return torch::zeros({quantized.size(0)}); },
           .search_grid_generator = fixed_grid({3, 6, 9})}));
  quantizer->forward(floats({1, 2}));
  EXPECT_TRUE(same(quantizer->scale, floats({1})));
}

TEST(MinErrorGrid, UsesTheErrorFunction) {
  // The greatest error: mean squared error would take a smaller range here.
  const torch::Tensor data = torch::cat({torch::full({1000}, 1.0F), floats({9})});
  const auto greatest = [](const torch::Tensor& quantized, const torch::Tensor& original) {
    return (quantized - original).abs().amax(1);
  };
  LinearQuantizer mse(2), maximum(2);
  const auto a = ff::estimate_ranges(
      mse, range_setting::mse_grid({.search_grid_generator = fixed_grid({3, 9})}));
  const auto b = ff::estimate_ranges(
      maximum, range_setting::min_error_grid(
                   {.error_function = greatest, .search_grid_generator = fixed_grid({3, 9})}));
  mse->forward(data);
  maximum->forward(data);
  EXPECT_TRUE(same(mse->scale, floats({1})));
  EXPECT_TRUE(same(maximum->scale, floats({3})));
}

TEST(MinErrorGrid, PolicySaysWhenTheRangeIsSet) {
  std::vector<int64_t> steps;
  LinearQuantizer quantizer(2);
  quantizer->set_quantization_range(0.0, 300.0);
  const auto estimation = ff::estimate_ranges(
      quantizer, range_setting::mse_grid({.search_grid_generator = fixed_grid({3}),
                                          .update_range_policy = [&](int64_t step) {
                                            steps.push_back(step);
                                            return step == 2;
                                          }}));
  quantizer->forward(floats({1, 2}));
  EXPECT_TRUE(same(quantizer->scale, floats({100})));
  quantizer->forward(floats({1, 2}));
  EXPECT_TRUE(same(quantizer->scale, floats({1})));
  EXPECT_EQ(steps, (std::vector<int64_t>{1, 2}));
}

TEST(MinErrorGrid, BeatsMinMaxOnDataWithOutliers) {
  torch::Tensor data = random_data({4000}, 3);
  data[0] = 30;
  const auto error = [&](LinearQuantizer& quantizer) {
    const torch::NoGradGuard no_grad;
    return (quantizer->forward(data).dequantize() - data).pow(2).mean().item<double>();
  };
  for (const bool symmetric : {true, false}) {
    LinearQuantizer quantizer(LinearQuantizerOptions(4).symmetric(symmetric));
    quantizer->set_quantization_range(data.min().item<double>(), 30.0);
    const double with_minmax = error(quantizer);
    {
      const auto estimation = ff::estimate_ranges(quantizer, range_setting::mse_grid());
      quantizer->forward(data);
    }
    EXPECT_LT(error(quantizer), with_minmax);
  }
}

TEST(MinErrorGrid, HalfPrecisionDataChoosesAsFloat32) {
  // Errors of this size do not fit float16, and sums of many batches do not fit bfloat16's 8 bits.
  for (const auto type : {torch::kHalf, torch::kBFloat16}) {
    LinearQuantizer half(4), full(4);
    const auto a = ff::estimate_ranges(half, range_setting::mse_grid({.num_candidates = 20}));
    const auto b = ff::estimate_ranges(full, range_setting::mse_grid({.num_candidates = 20}));
    for (uint64_t seed = 0; seed < 20; ++seed) {
      const torch::Tensor batch = (random_data({100}, seed) * 500).to(type);
      half->forward(batch);
      full->forward(batch.to(torch::kFloat));
    }
    EXPECT_TRUE(same(half->scale, full->scale)) << type;
  }
}

TEST(MinErrorGrid, WrongOptionsAndDataAreErrors) {
  EXPECT_ERROR(c10::ValueError, "min_error_grid: num_candidates is 0; expected at least 1.",
               range_setting::min_error_grid({.num_candidates = 0}));
  EXPECT_ERROR(c10::ValueError, "must not be empty",
               range_setting::min_error_grid({.error_function = nullptr}));
  LinearQuantizer quantizer(LinearQuantizerOptions(8).granularity(ff::PerChannel(0)));
  const auto estimation = ff::estimate_ranges(quantizer, range_setting::mse_grid());
  quantizer->forward(torch::ones({2, 3}));
  EXPECT_ERROR(c10::ValueError,
               "data of shape [4, 3] has 4 tiles of PerChannel(0), but the search grid has 2; the "
               "number of tiles must stay.",
               quantizer->forward(torch::ones({4, 3})));
  LinearQuantizer other(8);
  const auto wrong = ff::estimate_ranges(
      other,
      range_setting::mse_grid({.search_grid_generator = [](const torch::Tensor&, bool, int64_t) {
        return SearchGrid{torch::zeros({3, 2}), torch::ones({3, 2})};
      }}));
  EXPECT_ERROR(c10::ValueError, "the search grid has minima of shape [3, 2]",
               other->forward(floats({1, 2})));
}

TEST(MinErrorGrid, NanIsNoErrorThatWins) {
  LinearQuantizer quantizer(4);
  int64_t call = 0;
  const auto first_is_nan = [&](const torch::Tensor& quantized, const torch::Tensor& original) {
    const torch::Tensor error = range_setting::mse_error(quantized, original);
    return call++ == 0 ? error * std::numeric_limits<double>::quiet_NaN() : error;
  };
  const auto estimation = ff::estimate_ranges(
      quantizer, range_setting::min_error_grid({.error_function = first_is_nan,
                                                .search_grid_generator = fixed_grid({1, 2, 3})}));
  quantizer->forward(floats({3, 2, 1}));
  EXPECT_NE(quantizer->quantization_range()->max.item<float>(), 1);
}

TEST(MinErrorGrid, RefusesErrorsThatSayNothing) {
  const auto with = [](const range_setting::ErrorFunction& function) {
    LinearQuantizer quantizer(LinearQuantizerOptions(4).granularity(ff::PerChannel(0)));
    const auto estimation =
        ff::estimate_ranges(quantizer, range_setting::min_error_grid({.error_function = function}));
    quantizer->forward(random_data({3, 8}, 1));
  };
  EXPECT_ERROR(c10::ValueError, "min_error_grid: no candidate has a finite error in tile 0",
               with([](const torch::Tensor& quantized, const torch::Tensor&) {
                 return quantized.mean(1) * std::numeric_limits<double>::infinity();
               }));
  EXPECT_ERROR(
      c10::ValueError, "the error_function gave shape []; expected one error for each tile, [3].",
      with([](const torch::Tensor& quantized, const torch::Tensor&) { return quantized.mean(); }));
  EXPECT_ERROR(
      c10::ValueError, "the error_function gave shape [3, 8]; expected",
      with([](const torch::Tensor& quantized, const torch::Tensor&) { return quantized; }));
  EXPECT_ERROR(c10::ValueError, "the error_function gave no tensor; expected",
               with([](const torch::Tensor&, const torch::Tensor&) { return torch::Tensor(); }));
}

}  // namespace
