#include "networks/figures.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include <cmath>
#include <limits>

#include "support/expect_error.h"

namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

torch::Tensor labels(std::initializer_list<int64_t> values) {
  return torch::tensor(std::vector<int64_t>(values), torch::kLong);
}

}  // namespace

TEST(Figures, Top1CountsRowsWithTheirLabel) {
  const torch::Tensor logits = torch::tensor(
      {{0.1F, 0.9F, 0.0F}, {3.0F, 2.0F, 1.0F}, {-3.0F, -2.0F, -1.0F}, {0.0F, 5.0F, 1.0F}});
  EXPECT_EQ(networks::top1(logits, labels({1, 0, 2, 1})), 1.0);
  EXPECT_EQ(networks::top1(logits, labels({1, 0, 2, 2})), 0.75);
  EXPECT_EQ(networks::top1(logits, labels({0, 1, 0, 0})), 0.0);
}

TEST(Figures, ARowWithNaNIsWrong) {
  const torch::Tensor logits = torch::tensor({{kNaN, 0.9F}, {3.0F, 2.0F}});
  EXPECT_EQ(networks::top1(logits, labels({0, 0})), 0.5);
  EXPECT_EQ(networks::agreement(logits, logits), 0.5);
  EXPECT_TRUE(std::isnan(networks::sqnr(logits, logits)));
  EXPECT_EQ(networks::nearest_neighbours(logits, labels({4, 4}), 1), 0.5);
  EXPECT_TRUE(std::isnan(networks::mean_cosine(logits, logits)));
}

TEST(Figures, AgreementComparesThePlacesOfTheLargestValues) {
  const torch::Tensor reference = torch::tensor({{0.0F, 1.0F}, {1.0F, 0.0F}});
  EXPECT_EQ(networks::agreement(torch::tensor({{7.0F, 8.0F}, {1.0F, 2.0F}}), reference), 0.5);
}

TEST(Figures, SqnrIsTheRatioOfPowersInDecibels) {
  // 9 + 16 = 25 of signal, 0.25 of noise: a ratio of 100.
  EXPECT_DOUBLE_EQ(networks::sqnr(torch::tensor({3.0F, 4.5F}), torch::tensor({3.0F, 4.0F})), 20.0);
  EXPECT_DOUBLE_EQ(networks::sqnr(torch::tensor({0.0F}), torch::tensor({2.0F})), 0.0);
  EXPECT_EQ(networks::sqnr(torch::tensor({2.0F}), torch::tensor({2.0F})), INFINITY);
  // Squares that float32 cannot hold.
  EXPECT_DOUBLE_EQ(networks::sqnr(torch::tensor({1.5e30F}), torch::tensor({1e30F})),
                   20 * std::log10(1e30F / (1.5e30F - double{1e30F})));
}

TEST(Figures, RetrievalRanksTheOwnItem) {
  const torch::Tensor items = torch::tensor({{1.0F, 0.0F}, {0.0F, 1.0F}, {0.6F, 0.8F}});
  // Scores of the queries: (0.9, 0.1, 0.62) rank 1; (1, 0.5, 1) rank 3; (0.1, 1, 0.86) rank 2.
  const torch::Tensor queries = torch::tensor({{0.9F, 0.1F}, {1.0F, 0.5F}, {0.1F, 1.0F}});
  const networks::RetrievalFigures found = networks::retrieval(queries, items);
  EXPECT_DOUBLE_EQ(found.recall_at_1, 1.0 / 3);
  EXPECT_DOUBLE_EQ(found.mean_reciprocal_rank, (1.0 + 1.0 / 3 + 1.0 / 2) / 3);
}

TEST(Figures, AConstantEncoderRetrievesNothing) {
  const torch::Tensor equal = torch::ones({4, 2});
  EXPECT_EQ(networks::retrieval(equal, equal).recall_at_1, 0.0);
  EXPECT_EQ(networks::retrieval(equal, equal).mean_reciprocal_rank, 0.25);
  EXPECT_EQ(networks::retrieval(equal * kNaN, equal).recall_at_1, 0.0);
}

TEST(Figures, NearestNeighboursVoteWithoutTheRowItself) {
  const torch::Tensor rows =
      torch::tensor({{1.0F, 0.0F}, {0.9F, 0.1F}, {0.8F, 0.2F}, {0.0F, 1.0F}, {0.1F, 0.9F}});
  // Rows 0 to 2 lie together, and 3 with 4.
  EXPECT_EQ(networks::nearest_neighbours(rows, labels({7, 7, 7, 2, 2}), 1), 1.0);
  // Of the three nearest of rows 3 and 4 only one is of their topic.
  EXPECT_EQ(networks::nearest_neighbours(rows, labels({7, 7, 7, 2, 2}), 3), 0.6);
  EXPECT_EQ(networks::nearest_neighbours(rows, labels({0, 1, 2, 3, 4}), 2), 0.0);
}

TEST(Figures, OfEquallyFrequentNeighboursTheNearestCounts) {
  // The neighbours of row 0 are row 1, label 9, then row 2, label 0. Those of row 1: 0, 2. Those of
  // row 2: 0, 1.
  const torch::Tensor rows = torch::tensor({{1.0F, 0.0F}, {0.9F, 0.0F}, {0.8F, 0.0F}});
  EXPECT_DOUBLE_EQ(networks::nearest_neighbours(rows, labels({9, 9, 0}), 2), 2.0 / 3);
  EXPECT_DOUBLE_EQ(networks::nearest_neighbours(rows, labels({0, 9, 0}), 2), 1.0 / 3);
}

TEST(Figures, MeanCosineIgnoresLengths) {
  const torch::Tensor reference = torch::tensor({{1.0F, 0.0F}, {0.0F, 2.0F}, {1.0F, 1.0F}});
  const torch::Tensor values = torch::tensor({{3.0F, 0.0F}, {5.0F, 0.0F}, {-1.0F, -1.0F}});
  EXPECT_NEAR(networks::mean_cosine(values, reference), (1.0 + 0.0 - 1.0) / 3, 1e-12);
}

TEST(Figures, ShapesThatDoNotFitAreErrors) {
  const torch::Tensor rows = torch::ones({2, 3});
  EXPECT_ERROR(c10::ValueError, "top1: Long labels [3] for rows [2, 3]",
               networks::top1(rows, labels({0, 1, 2})));
  EXPECT_ERROR(c10::ValueError, "top1: Float labels [2]", networks::top1(rows, torch::ones({2})));
  EXPECT_ERROR(c10::ValueError, "N > 0", networks::top1(torch::ones({0, 3}), labels({})));
  EXPECT_ERROR(c10::ValueError, "agreement: shapes are [2, 3] and [2, 2]",
               networks::agreement(rows, torch::ones({2, 2})));
  EXPECT_ERROR(c10::ValueError, "sqnr: shapes are [2, 3] and [3]",
               networks::sqnr(rows, torch::ones({3})));
  EXPECT_ERROR(c10::ValueError, "retrieval: shapes",
               networks::retrieval(rows, torch::ones({3, 3})));
  EXPECT_ERROR(c10::ValueError, "k is 2, expected 1 to 1 for 2 rows",
               networks::nearest_neighbours(rows, labels({0, 1}), 2));
}
