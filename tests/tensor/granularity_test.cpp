#include "fastforward/tensor/granularity.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include <string>
#include <vector>

#include "support/expect_error.h"

namespace {

using ff::Granularity;
using ff::PerBlock;
using ff::PerChannel;
using ff::PerTensor;
using ff::PerTile;
using Sizes = std::vector<int64_t>;

TEST(Granularity, PerTensorHasOneTileOnEveryShape) {
  const Granularity granularity = PerTensor();
  for (const Sizes& shape : {Sizes{2, 3}, Sizes{}, Sizes{0, 3}}) {
    EXPECT_EQ(granularity.tile_size(shape), shape);
    EXPECT_EQ(granularity.grid_size(shape), Sizes(shape.size(), 1));
    EXPECT_EQ(granularity.parameter_dimensionality(shape), 1);
  }
  EXPECT_EQ(granularity, Granularity());
}

TEST(Granularity, PerChannelHasOneTileForEachIndexOfItsAxes) {
  const Sizes shape{4, 3, 5};
  EXPECT_EQ(Granularity(PerChannel(0)).tile_size(shape), (Sizes{1, 3, 5}));
  EXPECT_EQ(Granularity(PerChannel(-1)).tile_size(shape), (Sizes{4, 3, 1}));
  EXPECT_EQ(Granularity(PerChannel({0, -2})).tile_size(shape), (Sizes{1, 1, 5}));
  EXPECT_EQ(Granularity(PerChannel({2, 0})).grid_size(shape), (Sizes{4, 1, 5}));
  EXPECT_EQ(Granularity(PerChannel({2, 0})).parameter_dimensionality(shape), 20);
  EXPECT_EQ(Granularity(PerChannel()).parameter_dimensionality(shape), 4);
}

TEST(Granularity, PerBlockCutsAxesIntoBlocks) {
  const Sizes shape{4, 6};
  EXPECT_EQ(Granularity(PerBlock(1, 3)).tile_size(shape), (Sizes{4, 3}));
  EXPECT_EQ(Granularity(PerBlock(1, 3)).parameter_dimensionality(shape), 2);
  EXPECT_EQ(Granularity(PerBlock(-1, 2, {0})).tile_size(shape), (Sizes{1, 2}));
  EXPECT_EQ(Granularity(PerBlock(-1, 2, {0})).grid_size(shape), (Sizes{4, 3}));
  EXPECT_EQ(Granularity(PerBlock({0, 1}, {2, 6})).grid_size(shape), (Sizes{2, 1}));
}

TEST(Granularity, LooseBlocksNeedNotDivide) {
  const Granularity loose = PerBlock(1, 4, {0}, /*strict_blocks=*/false);
  EXPECT_EQ(loose.tile_size({2, 10}), (Sizes{1, 4}));
  EXPECT_EQ(loose.grid_size({2, 10}), (Sizes{2, 3}));
  EXPECT_EQ(loose.parameter_dimensionality({2, 10}), 6);
  EXPECT_EQ(loose.parameter_dimensionality({2, 3}), 2) << "a block longer than its axis";
}

TEST(Granularity, PerTileCutsEveryAxis) {
  EXPECT_EQ(Granularity(PerTile({2, 3})).grid_size({4, 3}), (Sizes{2, 1}));
  EXPECT_EQ(Granularity(PerTile({2, 3})).parameter_dimensionality({4, 9}), 6);
  EXPECT_EQ(Granularity(PerTile({})).parameter_dimensionality({}), 1) << "zero-dimensional";
}

TEST(Granularity, EmptyAxes) {
  EXPECT_EQ(Granularity(PerChannel(0)).parameter_dimensionality({0, 3}), 0);
  EXPECT_EQ(Granularity(PerChannel(1)).parameter_dimensionality({0, 3}), 3);
  EXPECT_EQ(Granularity(PerTile({2, 3})).parameter_dimensionality({0, 3}), 0);
  EXPECT_EQ(Granularity(PerBlock(1, 2, {}, false)).parameter_dimensionality({3, 0}), 0);
}

TEST(Granularity, AxisOutOfRangeNamesTheRange) {
  EXPECT_ERROR(c10::IndexError,
               "PerChannel(2): axis 2 is out of range for data of shape [4, 3]; expected an axis "
               "in [-2, 1].",
               Granularity(PerChannel(2)).tile_size({4, 3}));
  EXPECT_ERROR(c10::IndexError, "axis -3 is out of range",
               Granularity(PerBlock(-3, 1)).tile_size({4, 3}));
  EXPECT_ERROR(c10::IndexError, "Zero-dimensional data has no axes, use PerTensor()",
               Granularity(PerChannel(0)).parameter_dimensionality({}));
}

TEST(Granularity, AxisNamedTwiceIsRefused) {
  EXPECT_ERROR(c10::ValueError, "axis 1 of data of shape [4, 3] is named twice",
               Granularity(PerChannel({1, -1})).tile_size({4, 3}));
  EXPECT_ERROR(c10::ValueError, "axis 1 of data of shape [4, 4] is named twice",
               Granularity(PerBlock(-1, 2, {1})).tile_size({4, 4}));
  EXPECT_ERROR(c10::ValueError, "axis 1 in block_axes and in channel_axes", PerBlock(1, 2, {1}));
}

TEST(Granularity, BlockThatDoesNotDivideSaysWhatToDo) {
  EXPECT_ERROR(c10::ValueError,
               "a block of 4 does not divide axis 1 of data of shape [2, 10]; choose a divisor of "
               "10, or set strict_blocks = false",
               Granularity(PerBlock(1, 4)).tile_size({2, 10}));
}

TEST(Granularity, TileThatDoesNotFitSaysWhatToDo) {
  EXPECT_ERROR(c10::ValueError,
               "the tile's size 2 does not divide axis 1 of data of shape [4, 3]; choose a divisor "
               "of 3",
               Granularity(PerTile({1, 2})).tile_size({4, 3}));
  EXPECT_ERROR(c10::ValueError, "the tile has 1 axes, but the data has shape [4, 3] with 2",
               Granularity(PerTile({4})).tile_size({4, 3}));
}

TEST(Granularity, SizesMustBePositive) {
  EXPECT_ERROR(c10::ValueError, "PerTile got the size 0 in [2, 0]; expected sizes of at least 1",
               PerTile({2, 0}));
  EXPECT_ERROR(c10::ValueError, "PerBlock got the size -1", PerBlock(0, -1));
  EXPECT_ERROR(c10::ValueError, "PerBlock got 2 block_axes and 1 block_sizes",
               PerBlock(Sizes{0, 1}, Sizes{2}));
}

TEST(Granularity, FromSizesGivesTheTileBack) {
  for (const Sizes& shape : {Sizes{4, 6}, Sizes{1, 5}, Sizes{2, 3, 4}}) {
    Sizes tile(shape.size(), 1);
    for (bool more = true; more;) {
      const Granularity made = ff::granularity_from_sizes(shape, tile);
      EXPECT_EQ(made.tile_size(shape), tile) << made << " on " << at::IntArrayRef(shape);
      more = false;
      for (size_t axis = 0; axis < tile.size() && !more; ++axis) {
        more = ++tile[axis] <= shape[axis];
        if (!more)
          tile[axis] = 1;
      }
    }
  }
}

TEST(Granularity, FromSizesChoosesTheSimplest) {
  EXPECT_TRUE(ff::granularity_from_sizes({4, 6}, {4, 6}).is_per_tensor());
  EXPECT_EQ(ff::granularity_from_sizes({4, 6}, {1, 6}), Granularity(PerChannel(0)));
  EXPECT_EQ(ff::granularity_from_sizes({4, 6}, {1, 3}), Granularity(PerBlock(1, 3, {0})));
  EXPECT_EQ(ff::granularity_from_sizes({4, 6}, {4, 4}), Granularity(PerBlock(1, 4, {}, false)));
}

TEST(Granularity, KnowsItsKind) {
  EXPECT_TRUE(Granularity(PerTensor()).is_per_tensor());
  EXPECT_TRUE(Granularity(PerChannel(0)).is_per_channel());
  EXPECT_TRUE(Granularity(PerBlock(0, 2)).is_per_block());
  EXPECT_TRUE(Granularity(PerTile({2})).is_per_tile());
  EXPECT_FALSE(Granularity(PerTile({2})).is_per_block());
  EXPECT_NE(Granularity(PerChannel(0)), Granularity(PerChannel(-1)));
}

TEST(Granularity, PrintsAsItIsConstructed) {
  const auto text = [](const Granularity& granularity) { return ff::to_string(granularity); };
  EXPECT_EQ(text(PerTensor()), "PerTensor()");
  EXPECT_EQ(text(PerChannel(-1)), "PerChannel(-1)");
  EXPECT_EQ(text(PerChannel({0, 2})), "PerChannel({0, 2})");
  EXPECT_EQ(text(PerBlock(1, 32)), "PerBlock(1, 32)");
  EXPECT_EQ(text(PerBlock(1, 32, {0})), "PerBlock(1, 32, 0)");
  EXPECT_EQ(text(PerBlock(1, 32, {}, false)), "PerBlock(1, 32, {}, false)");
  EXPECT_EQ(text(PerTile({2, 3})), "PerTile({2, 3})");
}

}  // namespace
