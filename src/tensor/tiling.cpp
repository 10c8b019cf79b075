#include "tensor/tiling.h"

#include <functional>
#include <numeric>

namespace ff {
namespace {

// Adds the next inner axis: merges it into the one before when one axis can describe both.
void append(std::vector<TiledAxis>& axes, const TiledAxis& inner) {
  if (inner.size == 1)
    return;
  if (!axes.empty()) {
    TiledAxis& outer = axes.back();
    const bool inner_in_one_tile = inner.block >= inner.size;
    const bool tiles_continue = outer.block == 1 && inner.size % inner.block == 0 &&
                                outer.stride == inner.stride * (inner.size / inner.block);
    if (inner_in_one_tile) {
      outer = {outer.size * inner.size, outer.block * inner.size, outer.stride};
      return;
    }
    if (tiles_continue) {
      outer = {outer.size * inner.size, inner.block, inner.stride};
      return;
    }
  }
  axes.push_back(inner);
}

}  // namespace

Tiling make_tiling(c10::IntArrayRef sizes, c10::IntArrayRef strides,
                   const Granularity& granularity) {
  const int64_t num_elements =
      std::accumulate(sizes.begin(), sizes.end(), int64_t{1}, std::multiplies<>());
  if (granularity.is_per_tensor()) {
    return {{{num_elements, std::max<int64_t>(num_elements, 2), 0}}, num_elements, 1};
  }
  const std::vector<int64_t> tile = granularity.tile_size(sizes);
  const std::vector<int64_t> grid = granularity.grid_size(sizes);
  const auto ndim = static_cast<int64_t>(sizes.size());
  std::vector<int64_t> grid_strides(ndim);
  int64_t num_tiles = 1;
  for (int64_t axis = ndim - 1; axis >= 0; --axis) {
    grid_strides[axis] = num_tiles;
    num_tiles *= grid[axis];
  }
  std::vector<int64_t> order(ndim);
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](int64_t a, int64_t b) { return strides[a] > strides[b]; });
  std::vector<TiledAxis> axes;
  if (num_elements > 0) {
    for (const int64_t axis : order)
      append(axes, {sizes[axis], tile[axis], grid_strides[axis]});
  }
  return {std::move(axes), num_elements, num_tiles};
}

}  // namespace ff
