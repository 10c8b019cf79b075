#include <gtest/gtest.h>
#include <torch/types.h>

#include <cmath>
#include <vector>

#include "fastforward/nn/linear_quantizer.h"
#include "fastforward/range_setting/estimate_ranges.h"
#include "fastforward/range_setting/min_error.h"
#include "support/tensors.h"

// The one pass over the data that mse_grid takes for affine quantizers.
namespace {

namespace range_setting = ff::range_setting;
using ff::nn::LinearQuantizer;
using ff::nn::LinearQuantizerOptions;
using ff::test::random_data;
using ff::test::same;

// The range that mse_grid finds in one pass, or candidate by candidate: an error function of
// another type hides that it is mse_error.
ff::QuantizationRange found_range(const torch::Tensor& data, const LinearQuantizerOptions& options,
                                  bool one_by_one) {
  LinearQuantizer quantizer(options);
  range_setting::MinErrorGridOptions search{.num_candidates = 49};
  if (one_by_one) {
    search.error_function = [](const torch::Tensor& quantized, const torch::Tensor& original) {
      return range_setting::mse_error(quantized.to(torch::kDouble), original.to(torch::kDouble));
    };
  }
  const auto estimation = ff::estimate_ranges(quantizer, range_setting::mse_grid(search));
  quantizer->forward(data);
  quantizer->forward(data * 0.7);
  return *quantizer->quantization_range();
}

// For all types, symmetries, `bits` and `granularities`.
void expect_same_choices(at::IntArrayRef shape, const std::vector<int64_t>& all_bits,
                         const std::vector<ff::Granularity>& granularities) {
  uint64_t seed = 0;
  for (const auto type : {torch::kFloat, torch::kDouble}) {
    for (const bool symmetric : {true, false}) {
      for (const int64_t bits : all_bits) {
        for (const ff::Granularity& granularity : granularities) {
          const torch::Tensor data = random_data(shape, ++seed, type) * 3;
          const LinearQuantizerOptions options =
              LinearQuantizerOptions(bits).granularity(granularity).symmetric(symmetric);
          const auto loop = found_range(data, options, true);
          const auto one_pass = found_range(data, options, false);
          SCOPED_TRACE(c10::str(granularity, " ", type, " ", bits, " bits, symmetric ", symmetric,
                                ", seed ", seed));
          EXPECT_TRUE(same(one_pass.min, loop.min));
          EXPECT_TRUE(same(one_pass.max, loop.max));
        }
      }
    }
  }
}

TEST(MseGrid, OnePassChoosesAsTheLoopDoes) {
  expect_same_choices({4, 300}, {2, 4, 8},
                      {ff::PerTensor(), ff::PerChannel(0), ff::PerChannel(1),
                       ff::PerBlock(1, 7, {0}, false), ff::PerTile({2, 150})});
}

// Tiles long enough for errors code by code, with candidates enough.
TEST(MseGrid, OnePassOverLongTilesChoosesAsTheLoopDoes) {
  expect_same_choices({2, 9000}, {2, 4, 5}, {ff::PerTensor(), ff::PerChannel(0)});
}

TEST(MseGrid, ErrorsBeyondFloatsStillDecide) {
  const torch::Tensor data = random_data({1000}, 9);
  const auto expected = found_range(data, LinearQuantizerOptions(4), false);
  for (const double power : {70.0, -60.0}) {  // squares of 2^140 are no float32
    const double factor = std::exp2(power);
    LinearQuantizer quantizer(4);
    const auto estimation = ff::estimate_ranges(
        quantizer, range_setting::mse_grid({.num_candidates = 49,
                                            .search_grid_generator =
                                                range_setting::uniform_search_grid(0.5 * factor)}));
    quantizer->forward(data * factor);
    quantizer->forward(data * 0.7 * factor);
    EXPECT_TRUE(same(quantizer->quantization_range()->max, expected.max * factor)) << power;
  }
}

}  // namespace
