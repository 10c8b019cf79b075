#include "tensor/tile_change.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include <string>
#include <vector>

#include "support/tensors.h"

namespace {

using Change = ff::StructuralChange;
using ff::test::same;
using Sizes = std::vector<int64_t>;

// Follows a change and gives the parameters of the result; the old ones are 0, 1, 2, ...
Sizes moved(const ff::TileChange& change, const ff::Granularity& old, const Change& what) {
  const Sizes grid = old.grid_size(what.sizes);
  const torch::Tensor parameters =
      torch::arange(old.parameter_dimensionality(what.sizes)).reshape(grid);
  const torch::Tensor now = change.move_parameters(parameters).reshape({-1}).contiguous();
  EXPECT_EQ(now.numel(), change.granularity.parameter_dimensionality(what.new_sizes));
  return {now.const_data_ptr<int64_t>(), now.const_data_ptr<int64_t>() + now.numel()};
}

void expect_change(const ff::Granularity& old, const Change& what, const Sizes& tile,
                   const Sizes& parameters) {
  const ff::TileChange change = ff::change_tiles(old, what);
  ASSERT_EQ(change.why_not, "");
  EXPECT_EQ(change.granularity.tile_size(what.new_sizes), tile);
  EXPECT_EQ(moved(change, old, what), parameters);
}

void expect_refusal(const ff::Granularity& old, const Change& what, const std::string& reason) {
  const ff::TileChange change = ff::change_tiles(old, what);
  EXPECT_NE(change.why_not.find(reason), std::string::npos) << "got '" << change.why_not << "'";
}

TEST(TileChange, PermuteMovesTilesAndParameters) {
  expect_change(ff::PerTile({1, 2}), {Change::Permute{{1, 0}}, {2, 4}, {4, 2}}, {2, 1},
                {0, 2, 1, 3});
  expect_change(ff::PerChannel(0), {Change::Permute{{2, 0, 1}}, {3, 4, 5}, {5, 3, 4}}, {5, 1, 4},
                {0, 1, 2});
}

TEST(TileChange, SliceOfChannelsTakesTheirParameters) {
  expect_change(ff::PerChannel(0), {Change::Slice{0, 1, 2, 3, false}, {6, 2}, {2, 2}}, {1, 2},
                {1, 4});
  expect_change(ff::PerChannel(0), {Change::Slice{1, 0, 1, 1, false}, {3, 2}, {3, 1}}, {1, 1},
                {0, 1, 2});
  expect_change(ff::PerChannel(0), {Change::Slice{0, 2, 1, 1, true}, {3, 2}, {2}}, {2}, {2});
}

TEST(TileChange, SliceOfBlocksTakesWholeOnesOrPartOfOne) {
  const ff::Granularity blocks = ff::PerBlock(0, 4);
  expect_change(blocks, {Change::Slice{0, 4, 8, 1, false}, {12}, {8}}, {4}, {1, 2});
  expect_change(blocks, {Change::Slice{0, 5, 2, 1, false}, {12}, {2}}, {2}, {1});
  expect_change(blocks, {Change::Slice{0, 8, 2, 2, false}, {12}, {2}}, {2}, {2});
  expect_change(blocks, {Change::Slice{0, 5, 0, 1, false}, {12}, {0}}, {4}, {});
  expect_refusal(blocks, {Change::Slice{0, 2, 4, 1, false}, {12}, {4}},
                 "the 4 indices from 2 of axis 0 cut tiles of size 4");
  expect_refusal(blocks, {Change::Slice{0, 0, 4, 2, false}, {12}, {4}}, "cut tiles of size 4");
}

TEST(TileChange, IndexSelectTakesChannels) {
  const torch::Tensor index = torch::tensor({2, 0, 2}, torch::kLong);
  expect_change(ff::PerChannel(0), {Change::IndexSelect{0, index}, {3, 2}, {3, 2}}, {1, 2},
                {2, 0, 2});
  expect_change(ff::PerChannel(1), {Change::IndexSelect{0, index}, {4, 2}, {3, 2}}, {3, 1}, {0, 1});
  expect_refusal(ff::PerBlock(0, 2), {Change::IndexSelect{0, index}, {4}, {3}},
                 "an index_select along axis 0 takes tiles of size 2 apart");
}

TEST(TileChange, ExpandRepeatsWhatHasOneTile) {
  expect_change(ff::PerChannel(0), {Change::Expand{}, {3, 1}, {2, 3, 4}}, {2, 1, 4}, {0, 1, 2});
}

TEST(TileChange, ReshapeKeepsRuns) {
  expect_change(ff::PerChannel(0), {Change::Reshape{}, {3, 4}, {3, 2, 2}}, {1, 2, 2}, {0, 1, 2});
  expect_change(ff::PerChannel(0), {Change::Reshape{}, {3, 4}, {1, 3, 4, 1}}, {1, 1, 4, 1},
                {0, 1, 2});
  expect_change(ff::PerChannel(0), {Change::Reshape{}, {3, 4}, {12}}, {4}, {0, 1, 2});
  expect_change(ff::PerBlock(1, 2, {0}), {Change::Reshape{}, {2, 4}, {8}}, {2}, {0, 1, 2, 3});
  expect_change(ff::PerBlock(0, 6), {Change::Reshape{}, {12}, {4, 3}}, {2, 3}, {0, 1});
}

TEST(TileChange, ReshapeThatMixesTilesIsRefused) {
  expect_refusal(ff::PerChannel(1), {Change::Reshape{}, {3, 4}, {12}},
                 "tiles of shape [3, 1] on [3, 4] are no tiles on [12]");
  expect_refusal(ff::PerBlock(0, 6), {Change::Reshape{}, {12}, {3, 4}}, "are no tiles on [3, 4]");
  expect_refusal(ff::PerChannel(0), {Change::Reshape{}, {0, 4}, {4, 0}}, "an empty tensor");
}

TEST(TileChange, ResizeNeedsOneTileAlongItsAxes) {
  expect_change(ff::PerChannel(0), {Change::Resize{{1}}, {3, 4}, {3, 9}}, {1, 9}, {0, 1, 2});
  expect_refusal(ff::PerChannel(0), {Change::Resize{{0}}, {3, 4}, {6, 4}},
                 "the parameters vary along axis 0");
}

TEST(TileChange, PerTensorStaysSo) {
  const ff::TileChange change =
      ff::change_tiles(ff::PerTensor(), {Change::Reshape{}, {0, 4}, {4, 0}});
  EXPECT_EQ(change.why_not, "");
  EXPECT_TRUE(change.granularity.is_per_tensor());
}

TEST(TileChange, LooseBlocksKeepTheirShortEnd) {
  const ff::Granularity loose = ff::PerBlock(0, 4, {}, /*strict_blocks=*/false);
  const Sizes all = {0, 1, 2};
  expect_change(loose, {Change::Reshape{}, {10, 3}, {10, 3}}, {4, 3}, all);
  expect_change(loose, {Change::Reshape{}, {10, 3}, {1, 10, 3}}, {1, 4, 3}, all);
  expect_change(loose, {Change::Reshape{}, {10, 3}, {10, 1, 3}}, {4, 1, 3}, all);
  expect_change(loose, {Change::Reshape{}, {10, 3}, {30}}, {12}, all);
  expect_change(loose, {Change::Reshape{}, {10, 3}, {5, 2, 3}}, {2, 2, 3}, all);
  expect_refusal(loose, {Change::Reshape{}, {10, 3}, {2, 5, 3}}, "are no tiles on [2, 5, 3]");
  const ff::Granularity inner = ff::PerBlock(1, 4, {0}, /*strict_blocks=*/false);
  expect_change(inner, {Change::Reshape{}, {2, 6}, {2, 1, 6}}, {1, 1, 4}, {0, 1, 2, 3});
  expect_refusal(inner, {Change::Reshape{}, {2, 6}, {12}}, "are no tiles on [12]");
  expect_change(inner, {Change::Reshape{}, {1, 6}, {6}}, {4}, {0, 1});
}

TEST(TileChange, SliceToTheShortEndOfLooseBlocks) {
  const ff::Granularity loose = ff::PerBlock(0, 4, {}, /*strict_blocks=*/false);
  expect_change(loose, {Change::Slice{0, 0, 10, 1, false}, {10}, {10}}, {4}, {0, 1, 2});
  expect_change(loose, {Change::Slice{0, 4, 6, 1, false}, {10}, {6}}, {4}, {1, 2});
  expect_change(loose, {Change::Slice{0, 8, 2, 1, false}, {10}, {2}}, {2}, {2});
  expect_refusal(loose, {Change::Slice{0, 2, 8, 1, false}, {10}, {8}}, "cut tiles of size 4");
}

TEST(TileChange, EmptyTensorsMoveAxesOfSizeOne) {
  expect_change(ff::PerChannel(0), {Change::Reshape{}, {3, 0}, {1, 3, 0}}, {1, 1, 0}, {0, 1, 2});
  expect_change(ff::PerChannel(0), {Change::Reshape{}, {3, 0}, {3, 1, 0}}, {1, 1, 0}, {0, 1, 2});
  expect_change(ff::PerChannel(1), {Change::Reshape{}, {0, 3}, {0, 3}}, {0, 1}, {0, 1, 2});
}

TEST(TileChange, ZeroDimensionalDataHasOneTile) {
  const torch::Tensor index = torch::tensor({0}, torch::kLong);
  expect_change(ff::PerTile({}), {Change::IndexSelect{0, index}, {}, {}}, {}, {0});
  expect_change(ff::PerTile({}), {Change::Reshape{}, {}, {1, 1}}, {1, 1}, {0});
}

}  // namespace
