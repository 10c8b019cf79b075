#include "quantization/candidate_errors.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include <cmath>
#include <vector>

#include "support/tensors.h"

namespace {

using ff::CandidateGrids;
using ff::test::random_data;
using ff::test::same;

// Symmetric grids for ranges of `least` to 1 times the largest magnitude of each tile, and z beside
// zero for every third.
CandidateGrids search_grids(const torch::Tensor& rows, int64_t candidates, int64_t num_bits,
                            double least = 0.01) {
  const torch::Tensor ends =
      rows.abs().amax(1, true) * torch::linspace(least, 1, candidates, rows.options());
  const torch::Tensor z =
      torch::arange(candidates, rows.options()).remainder(3).eq(1).to(rows.scalar_type());
  return {(ends / static_cast<double>((1 << (num_bits - 1)) - 0.5)).contiguous(),
          z.expand_as(ends).contiguous(), num_bits};
}

// Each candidate quantizes each number; all in double, but for values, which are in the data's
// type.
torch::Tensor naive_errors(const torch::Tensor& rows, const CandidateGrids& grids) {
  const double high = std::exp2(static_cast<double>(grids.num_bits - 1)) - 1;
  std::vector<torch::Tensor> errors;
  for (int64_t c = 0; c < grids.scale.size(1); ++c) {
    const torch::Tensor scale = grids.scale.slice(1, c, c + 1), z = grids.z.slice(1, c, c + 1);
    const torch::Tensor codes = (rows / scale - z).round().clamp(-high - 1, high);
    const torch::Tensor error = ((codes + z) * scale).to(torch::kDouble) - rows.to(torch::kDouble);
    errors.push_back(error.pow(2).mean(1));
  }
  return torch::stack(errors);
}

// Float32 sums of 16 terms, or numbers rounded to 2^-22 of the largest: 1e-5 is some times either.
void expect_errors(const torch::Tensor& rows, const CandidateGrids& grids) {
  const torch::Tensor got = ff::candidate_errors(rows, grids), expected = naive_errors(rows, grids);
  ASSERT_EQ(got.sizes(), expected.sizes());
  const torch::Tensor far = (got - expected).abs().gt(expected * 1e-5 + 1e-30);
  EXPECT_EQ(far.sum().item<int64_t>(), 0)
      << "relative " << ((got - expected) / expected).abs().max().item<double>();
}

TEST(CandidateErrors, AreThoseOfTheDefinition) {
  uint64_t seed = 0;
  for (const auto type : {torch::kFloat, torch::kDouble}) {
    for (const int64_t num_bits : {1, 2, 4, 8, 12}) {
      for (const int64_t columns : {5, 5000, 70'000, 600'000}) {
        for (const double outlier : {0.0, 1000.0}) {
          torch::Tensor rows = random_data({2, columns}, ++seed, type);
          rows[1][columns / 2] += outlier;
          SCOPED_TRACE(c10::str(type, ", ", num_bits, " bits, ", columns, " columns, outlier ",
                                outlier, ", by code ",
                                ff::has_errors_by_code(columns, 20, num_bits)));
          expect_errors(rows, search_grids(rows, 20, num_bits));
        }
      }
    }
  }
}

TEST(CandidateErrors, BothWaysAreUsed) {
  EXPECT_TRUE(ff::has_errors_by_code(70'000, 20, 8));
  EXPECT_TRUE(ff::has_errors_by_code(5000, 20, 4));
  EXPECT_FALSE(ff::has_errors_by_code(5000, 20, 8));
  EXPECT_FALSE(ff::has_errors_by_code(70'000, 2, 8));
}

TEST(CandidateErrors, OneSidedEqualAndSparseData) {
  const torch::Tensor positive = random_data({1, 20'000}, 50).relu();
  expect_errors(positive, search_grids(positive, 20, 4));
  const torch::Tensor equal = torch::full({1, 20'000}, 0.75);
  expect_errors(equal, search_grids(equal, 20, 4));
  const torch::Tensor zero = torch::zeros({1, 20'000});
  expect_errors(zero, {torch::full({1, 20}, 0.5), torch::zeros({1, 20}), 4});
}

TEST(CandidateErrors, DataOnAGridHasNone) {
  const torch::Tensor rows = torch::arange(20'000).remainder(16).sub(8).to(torch::kFloat);
  const CandidateGrids grids{torch::full({1, 20}, 1.0), torch::zeros({1, 20}), 4};
  EXPECT_TRUE(
      same(ff::candidate_errors(rows.unsqueeze(0), grids), torch::zeros({20, 1}, torch::kDouble)));
}

// An outlier of a million, and grids of which the steps are far smaller than a group is wide.
TEST(CandidateErrors, ConcentratedData) {
  torch::Tensor rows = random_data({1, 40'000}, 60);
  rows[0][7] = 1e6;
  expect_errors(rows, search_grids(rows, 20, 4, 1e-7));
  const CandidateGrids fine{torch::full({1, 20}, 0.01), torch::zeros({1, 20}), 4};
  expect_errors(rows, fine);
}

TEST(CandidateErrors, DoNotDependOnThreads) {
  const torch::Tensor rows = random_data({3, 600'000}, 70);
  const CandidateGrids grids = search_grids(rows, 20, 4);
  const int threads = at::get_num_threads();
  at::set_num_threads(1);
  const torch::Tensor one = ff::candidate_errors(rows, grids);
  at::set_num_threads(3);
  const torch::Tensor three = ff::candidate_errors(rows, grids);
  at::set_num_threads(threads);
  EXPECT_TRUE(same(one, three));
}

}  // namespace
