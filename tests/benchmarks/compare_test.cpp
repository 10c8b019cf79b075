#include "compare.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include <limits>

namespace {

using bench::expect_same;

// What expect_same says about two answers; empty if it takes them for the same.
std::string difference(const torch::Tensor& ours, const torch::Tensor& peer,
                       const bench::Tolerance& tolerance = {}) {
  try {
    expect_same("values", ours, peer, tolerance);
  } catch (const bench::WrongAnswer& wrong) {
    return wrong.what();
  }
  return "";
}

TEST(Compare, EqualAnswersAreTheSame) {
  const torch::Tensor x = torch::randn({3, 5});
  EXPECT_EQ(difference(x, x.clone()), "");
  EXPECT_EQ(difference(torch::tensor(0.0), torch::tensor(-0.0)), "");
  EXPECT_EQ(difference(torch::empty({0, 4}), torch::empty({0, 4})), "");
}

TEST(Compare, NamesTheFirstDifference) {
  const torch::Tensor ours = torch::zeros({3, 5}), peer = ours.clone();
  peer[1][2] = 0.5;
  peer[2][0] = 7;
  EXPECT_EQ(difference(ours, peer),
            "values at [1, 2]: ours is 0, the peer's 0.5, and they may differ by 0; 2 of 15 "
            "elements differ, and 15 may");
}

TEST(Compare, NamesTheFirstDifferenceBeyondTheTolerance) {
  const torch::Tensor ours = torch::zeros({3, 5}), peer = ours.clone();
  peer[1][2] = 0.5;
  peer[2][0] = 7;
  EXPECT_EQ(difference(ours, peer, {torch::full({3, 1}, 1.0)}),
            "values at [2, 0]: ours is 0, the peer's 7, and they may differ by 1; 2 of 15 elements "
            "differ, and 15 may");
  EXPECT_EQ(difference(ours, peer, {torch::full({}, 7.0)}), "");
}

TEST(Compare, CountsWhatDiffersWithinTheTolerance) {
  const torch::Tensor ours = torch::zeros({10}), peer = ours.clone();
  peer[4] = peer[6] = 1;
  EXPECT_EQ(difference(ours, peer, {torch::ones({}), 0.2}), "");
  EXPECT_EQ(difference(ours, peer, {torch::ones({}), 0.1}),
            "values at [4]: ours is 0, the peer's 1, and they may differ by 1; 2 of 10 elements "
            "differ, and 1 may");
}

TEST(Compare, NanEqualsNothing) {
  const torch::Tensor nan = torch::full({1}, std::numeric_limits<float>::quiet_NaN());
  EXPECT_NE(difference(nan, nan, {torch::full({}, 1e30)}), "");
  EXPECT_NE(difference(torch::zeros({1}), nan, {torch::full({}, 1e30)}), "");
}

TEST(Compare, ShapesMustBeEqual) {
  EXPECT_EQ(difference(torch::zeros({2, 3}), torch::zeros({6})),
            "values: ours has shape [2, 3], the peer's [6]");
}

TEST(Compare, LooksAtAllPartsOfALargeAnswer) {
  const torch::Tensor ours = torch::zeros({9, 1 << 20}), peer = ours.clone();
  peer[8][(1 << 20) - 1] = 1;
  EXPECT_NE(difference(ours, peer).find("values at [8, 1048575]: ours is 0, the peer's 1"),
            std::string::npos);
}

}  // namespace
