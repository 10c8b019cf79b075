#include "fastforward/tensor/tiles.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include <vector>

#include "support/expect_error.h"
#include "support/naive.h"
#include "support/tensors.h"

namespace {

using ff::test::floats;
using ff::test::NaiveTiles;
using ff::test::same;
using Sizes = std::vector<int64_t>;

struct Case {
  ff::Granularity granularity;
  NaiveTiles tiles;
};

std::vector<Case> cases() {
  return {
      {ff::PerTensor(), {{3, 4}, {3, 4}}},
      {ff::PerTensor(), {{}, {}}},
      {ff::PerChannel(1), {{2, 3, 4}, {2, 1, 4}}},
      {ff::PerChannel({2, 0}), {{2, 3, 4}, {1, 3, 1}}},
      {ff::PerBlock(1, 2, {0}), {{3, 4}, {1, 2}}},
      {ff::PerBlock(1, 3, {0}, false), {{2, 7}, {1, 3}}},
      {ff::PerBlock(std::vector<int64_t>{0, 1}, {2, 3}, {}, false), {{5, 7}, {2, 3}}},
      {ff::PerTile({2, 2}), {{4, 6}, {2, 2}}},
      {ff::PerTile({1, 3, 2}), {{2, 3, 4}, {1, 3, 2}}},
  };
}

// Row after row: for each tile its elements in row-major order, found by looking at all elements.
std::vector<std::vector<float>> naive_rows(const torch::Tensor& data, const NaiveTiles& tiles) {
  std::vector<std::vector<float>> rows(tiles.count());
  const torch::Tensor flat = data.contiguous().reshape({-1});
  for (int64_t i = 0; i < flat.numel(); ++i)
    rows[tiles.tile_of(i)].push_back(flat[i].item<float>());
  return rows;
}

TEST(Tiles, RowsAreTheTilesInRowMajorOrder) {
  for (const Case& c : cases()) {
    SCOPED_TRACE(ff::to_string(c.granularity));
    const int64_t n = c.tiles.elements();
    const torch::Tensor data = torch::arange(1, n + 1, torch::kFloat).reshape(c.tiles.shape);
    const torch::Tensor rows = ff::tiles_to_rows(data, c.granularity, /*padding=*/-7);
    const auto expected = naive_rows(data, c.tiles);
    ASSERT_EQ(rows.size(0), static_cast<int64_t>(expected.size()));
    for (size_t row = 0; row < expected.size(); ++row) {
      const torch::Tensor got = rows[static_cast<int64_t>(row)];
      // Without the padding, which is anywhere in a tile that is cut along inner axes.
      EXPECT_TRUE(same(got.index({got.ne(-7)}), floats(expected[row])));
    }
    EXPECT_TRUE(same(ff::rows_to_tiles(rows, c.tiles.shape, c.granularity), data));
  }
}

TEST(Tiles, PaddingFillsLooseBlocks) {
  const torch::Tensor data = floats({1, 2, 3, 4, 5}).reshape({1, 5});
  const ff::Granularity loose = ff::PerBlock(1, 3, {}, false);
  EXPECT_TRUE(same(ff::tiles_to_rows(data, loose), floats({1, 2, 3, 4, 5, 0}).reshape({2, 3})));
  EXPECT_TRUE(same(ff::tiles_to_rows(data, loose, 9), floats({1, 2, 3, 4, 5, 9}).reshape({2, 3})));
}

TEST(Tiles, AnyStrides) {
  const torch::Tensor data = torch::arange(24, torch::kFloat).reshape({4, 3, 2}).permute({2, 0, 1});
  const ff::Granularity granularity = ff::PerTile({1, 2, 3});
  EXPECT_TRUE(same(ff::tiles_to_rows(data, granularity),
                   ff::tiles_to_rows(data.contiguous(), granularity)));
}

TEST(Tiles, AreAViewWhereStridesAllowIt) {
  torch::Tensor data = torch::zeros({4, 6});
  ff::tiles_to_rows(data, ff::PerChannel(0))[1].fill_(5);
  EXPECT_EQ(data[1].sum().item<float>(), 30);
  EXPECT_EQ(data.sum().item<float>(), 30);
}

TEST(Tiles, EmptyData) {
  EXPECT_EQ(ff::tiles_to_rows(torch::zeros({0, 3}), ff::PerChannel(1)).sizes(), (Sizes{3, 0}));
  EXPECT_EQ(ff::tiles_to_rows(torch::zeros({0, 3}), ff::PerTensor()).sizes(), (Sizes{1, 0}));
  EXPECT_EQ(ff::tiles_to_rows(torch::zeros({0, 3}), ff::PerChannel(0)).sizes(), (Sizes{0, 3}));
  EXPECT_EQ(ff::rows_to_tiles(torch::zeros({3, 0}), {0, 3}, ff::PerChannel(1)).sizes(),
            (Sizes{0, 3}));
  const ff::PerBlock loose(0, 2, {}, false);
  EXPECT_EQ(ff::tiles_to_rows(torch::zeros({5, 0, 1}), loose).numel(), 0);
}

TEST(Tiles, ExpandedParameterIsThatOfEachElementsTile) {
  for (const Case& c : cases()) {
    SCOPED_TRACE(ff::to_string(c.granularity));
    const torch::Tensor parameter = torch::arange(c.tiles.count(), torch::kFloat);
    const torch::Tensor expanded =
        ff::expand_parameter(parameter, c.tiles.shape, c.granularity).expand(c.tiles.shape);
    for (int64_t i = 0; i < c.tiles.elements(); ++i)
      ASSERT_EQ(expanded.reshape({-1})[i].item<int64_t>(), c.tiles.tile_of(i)) << "element " << i;
  }
}

TEST(Tiles, ExpandedParameterIsDifferentiable) {
  const torch::Tensor parameter = torch::ones({3}).requires_grad_();
  ff::expand_parameter(parameter, {2, 7}, ff::PerBlock(1, 3, {}, false))
      .expand({2, 7})
      .sum()
      .backward();
  EXPECT_TRUE(same(parameter.grad(), floats({6, 6, 2}))) << "the last block has one column of two";
}

TEST(Tiles, WrongCountsAreRefused) {
  EXPECT_ERROR(c10::ValueError,
               "expand_parameter: the parameter has shape [2], but PerChannel(0) on data of shape "
               "[3, 4] needs [3]",
               ff::expand_parameter(torch::ones({2}), {3, 4}, ff::PerChannel(0)));
  EXPECT_ERROR(c10::ValueError, "rows_to_tiles: rows have shape [2, 4], but PerChannel(0)",
               ff::rows_to_tiles(torch::ones({2, 4}), {3, 4}, ff::PerChannel(0)));
  EXPECT_ERROR(c10::ValueError, "does not divide axis 1",
               ff::tiles_to_rows(torch::ones({3, 4}), ff::PerBlock(1, 3)));
}

}  // namespace
