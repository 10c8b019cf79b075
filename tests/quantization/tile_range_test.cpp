#include "fastforward/quantization/tile_range.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include <limits>

#include "support/expect_error.h"
#include "support/tensors.h"

namespace {

using ff::test::floats;
using ff::test::same;

TEST(TileRange, MinimumAndMaximumOfEachTile) {
  const torch::Tensor data = floats({1, 5, -2, 3, 4, 9}).reshape({2, 3});
  const auto tensor = ff::tile_range(data, ff::PerTensor());
  EXPECT_TRUE(same(tensor.min, floats({-2})));
  EXPECT_TRUE(same(tensor.max, floats({9})));
  const auto channel = ff::tile_range(data, ff::PerChannel(1));
  EXPECT_TRUE(same(channel.min, floats({1, 4, -2})));
  EXPECT_TRUE(same(channel.max, floats({3, 5, 9})));
}

TEST(TileRange, PaddingOfLooseBlocksDoesNotCount) {
  const torch::Tensor data = floats({1, 2, 3, 4, 5, -1, -2, -3, -4, -5}).reshape({2, 5});
  const auto range = ff::tile_range(data, ff::PerBlock(1, 3, {0}, false));
  EXPECT_TRUE(same(range.min, floats({1, 4, -3, -5})));
  EXPECT_TRUE(same(range.max, floats({3, 5, -1, -4})));
}

TEST(TileRange, EmptyTilesHaveAZeroRange) {
  const auto range = ff::tile_range(torch::empty({0, 2}), ff::PerChannel(1));
  EXPECT_TRUE(same(range.min, floats({0, 0})));
  EXPECT_TRUE(same(range.max, floats({0, 0})));
  EXPECT_EQ(ff::tile_range(torch::empty({0, 2}), ff::PerChannel(0)).min.numel(), 0);
}

TEST(TileRange, KeepsTheTypeAndLeavesTheGraph) {
  const torch::Tensor data = torch::tensor({1.0, 2.0}, torch::kDouble).requires_grad_();
  const auto range = ff::tile_range(data, ff::PerTensor());
  EXPECT_EQ(range.max.scalar_type(), torch::kDouble);
  EXPECT_FALSE(range.max.requires_grad());
}

TEST(TileRange, NanAndInfinityAreErrorsInEveryTile) {
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
        -std::numeric_limits<float>::infinity()}) {
    for (int64_t at = 0; at < 10; ++at) {
      torch::Tensor data = torch::ones({2, 5});
      data.view({-1})[at] = bad;
      for (const ff::Granularity& granularity :
           {ff::Granularity(ff::PerTensor()), ff::Granularity(ff::PerChannel(0)),
            ff::Granularity(ff::PerBlock(1, 3, {0}, false))}) {
        EXPECT_ERROR(c10::ValueError,
                     c10::str("where it was: the data of shape [2, 5] has 1 values that are NaN or "
                              "infinite, the first at flat index ",
                              at),
                     ff::tile_range(data, granularity, "where it was"));
      }
    }
  }
}

}  // namespace
