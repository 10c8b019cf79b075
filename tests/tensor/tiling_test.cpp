#include "tensor/tiling.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include <algorithm>
#include <numeric>
#include <vector>

#include "support/naive.h"

namespace {

using ff::test::NaiveTiles;
using Sizes = std::vector<int64_t>;

// The parameter of each place in memory as the panels say it; -1 where no panel or several come by.
Sizes parameters_of_panels(const ff::Tiling& tiling, int64_t step) {
  Sizes parameters(tiling.num_elements, -1);
  for (int64_t begin = 0; begin < tiling.num_elements; begin += step) {
    const int64_t end = std::min(tiling.num_elements, begin + step);
    tiling.for_each_panel(begin, end, [&](const ff::TiledPanel& panel) {
      for (int64_t i = 0; i < panel.rows * panel.columns; ++i) {
        const int64_t place = panel.offset + i;
        const int64_t row = i / panel.columns, column = i % panel.columns;
        ASSERT_TRUE(place >= begin && place < end) << "out of the block";
        ASSERT_EQ(parameters[place], -1) << "twice at " << place;
        parameters[place] = panel.parameter + row * panel.row_stride + column * panel.column_stride;
      }
    });
  }
  return parameters;
}

// The same from the tensor itself: element by element, its place in memory and its tile.
Sizes expected_parameters(const torch::Tensor& data, const NaiveTiles& tiles) {
  Sizes parameters(data.numel(), -1);
  for (int64_t flat = 0; flat < data.numel(); ++flat) {
    int64_t place = 0, rest = flat;
    for (int64_t axis = data.dim() - 1; axis >= 0; --axis) {
      place += rest % data.size(axis) * data.stride(axis);
      rest /= data.size(axis);
    }
    parameters[place] = tiles.tile_of(flat);
  }
  return parameters;
}

TEST(Tiling, RunsCoverEachElementOnceWithItsTile) {
  const Sizes shape{4, 6, 3};
  const std::vector<std::pair<ff::Granularity, Sizes>> granularities = {
      {ff::PerTensor(), {4, 6, 3}},           {ff::PerChannel(0), {1, 6, 3}},
      {ff::PerChannel(1), {4, 1, 3}},         {ff::PerChannel({0, 2}), {1, 6, 1}},
      {ff::PerChannel({0, 1, 2}), {1, 1, 1}}, {ff::PerBlock(1, 2, {0}), {1, 2, 3}},
      {ff::PerBlock(1, 3), {4, 3, 3}},        {ff::PerBlock(1, 4, {0}, false), {1, 4, 3}},
      {ff::PerTile({2, 3, 1}), {2, 3, 1}},    {ff::PerTile({2, 6, 3}), {2, 6, 3}},
  };
  Sizes order{0, 1, 2};
  do {
    // Dense memory whose axes lie in `order`.
    Sizes stored, back(3);
    for (size_t i = 0; i < 3; ++i) {
      stored.push_back(shape[order[i]]);
      back[order[i]] = static_cast<int64_t>(i);
    }
    const torch::Tensor data = torch::zeros(stored).permute(back);
    for (const auto& [granularity, tile] : granularities) {
      SCOPED_TRACE(c10::str(granularity, " on strides ", data.strides()));
      const ff::Tiling tiling = ff::make_tiling(data.sizes(), data.strides(), granularity);
      const Sizes expected = expected_parameters(data, {shape, tile});
      EXPECT_EQ(tiling.num_tiles, *std::max_element(expected.begin(), expected.end()) + 1);
      for (const int64_t step : {int64_t{72}, int64_t{1}, int64_t{5}, int64_t{7}, int64_t{36}})
        EXPECT_EQ(parameters_of_panels(tiling, step), expected) << "blocks of " << step;
    }
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST(Tiling, MergesAxes) {
  const auto axes = [](at::IntArrayRef shape, const ff::Granularity& granularity) {
    return ff::make_tiling(shape, torch::zeros(shape).strides(), granularity).axes.size();
  };
  EXPECT_EQ(axes({8, 3, 5, 5}, ff::PerTensor()), 1);
  EXPECT_EQ(axes({8, 3, 5, 5}, ff::PerChannel(0)), 1) << "a run of 75 elements for each channel";
  EXPECT_LE(axes({8, 3, 5, 5}, ff::PerChannel(1)), 3);
  EXPECT_EQ(axes({8, 64}, ff::PerBlock(1, 16, {0})), 1) << "128 runs of 16 after each other";
}

TEST(Tiling, OneElementAndNone) {
  for (const ff::Granularity& granularity :
       {ff::Granularity(ff::PerTensor()), ff::Granularity(ff::PerChannel(0))}) {
    EXPECT_EQ(parameters_of_panels(ff::make_tiling({1, 1}, {1, 1}, granularity), 1), Sizes{0});
    EXPECT_EQ(parameters_of_panels(ff::make_tiling({0, 3}, {3, 1}, granularity), 1), Sizes{});
  }
  EXPECT_EQ(parameters_of_panels(ff::make_tiling({}, {}, ff::PerTensor()), 1), Sizes{0});
  EXPECT_EQ(parameters_of_panels(ff::make_tiling({}, {}, ff::PerTile({})), 1), Sizes{0});
}

}  // namespace
