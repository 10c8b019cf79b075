#pragma once

#include <c10/util/ArrayRef.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "fastforward/tensor/granularity.h"

namespace ff {

/// One loop over memory: element i of `size` uses the parameter at (i / block) * stride.
struct TiledAxis {
  int64_t size;
  int64_t block;
  int64_t stride;
};

/// Elements that lie one after another from `offset`, in rows, and where their parameters lie:
/// element i of row r uses the parameter at parameter + r * row_stride + i * column_stride.
struct TiledPanel {
  int64_t offset;
  int64_t rows;
  int64_t columns;
  int64_t parameter;
  int64_t row_stride;
  int64_t column_stride;
};

/// How the parameters of a granularity lie along dense memory.
///
/// Memory is walked in its own order (largest stride first), so channels-last data is walked as it
/// lies. Neighbouring axes are merged where the parameters allow it: per-tensor is one axis, NCHW
/// per channel of axis 1 is three or fewer.
struct Tiling {
  std::vector<TiledAxis> axes;  // outermost first; empty for one element
  int64_t num_elements;
  int64_t num_tiles;

  /// Calls body(panel) on panels that cover the elements [begin, end).
  template <typename Body>
  void for_each_panel(int64_t begin, int64_t end, const Body& body) const;

 private:
  // The parameter of the element at `outer` (row-major) of all axes but the last `inner_axes`.
  int64_t parameter_at(int64_t outer, size_t inner_axes) const {
    int64_t parameter = 0;
    for (size_t axis = axes.size() - std::min(inner_axes, axes.size()); axis-- > 0;) {
      parameter += outer % axes[axis].size / axes[axis].block * axes[axis].stride;
      outer /= axes[axis].size;
    }
    return parameter;
  }
};

/// Returns the tiling of dense, non-overlapping data (at::Tensor::is_non_overlapping_and_dense).
Tiling make_tiling(c10::IntArrayRef sizes, c10::IntArrayRef strides,
                   const Granularity& granularity);

template <typename Body>
void Tiling::for_each_panel(int64_t begin, int64_t end, const Body& body) const {
  const TiledAxis inner = axes.empty() ? TiledAxis{1, 2, 0} : axes.back();
  // A row has one parameter, or one for each element. Rows come again in their axis: tiles along
  // the inner axis, or places along the next one.
  const bool uniform = inner.block > 1;
  const int64_t columns = uniform ? std::min(inner.block, inner.size) : inner.size;
  const size_t row_axes = uniform || axes.size() < 2 ? 1 : 2;
  const TiledAxis rows = uniform || axes.size() < 2
                             ? TiledAxis{(inner.size + columns - 1) / columns, 1, inner.stride}
                             : axes[axes.size() - 2];
  const int64_t row_space = row_axes == 1 ? inner.size : rows.size * inner.size;
  const int64_t column_stride = uniform ? 0 : inner.stride;
  for (int64_t at = begin; at < end;) {
    const int64_t outer = at / row_space, place = at % row_space;
    const int64_t row = place / columns, column = place % columns;
    const int64_t left = std::min(end - at, row_space - place);
    const int64_t parameter = parameter_at(outer, row_axes) + row / rows.block * rows.stride;
    TiledPanel panel = {
        at,           1, std::min(columns - column, left), parameter + column * column_stride, 0,
        column_stride};
    if (column == 0 && left >= columns) {
      const int64_t same_tile = rows.block == 1 ? left / columns : rows.block - row % rows.block;
      panel.rows = std::min(left / columns, same_tile);
      panel.row_stride = rows.block == 1 ? rows.stride : 0;
    }
    body(panel);
    at += panel.rows * panel.columns;
  }
}

}  // namespace ff
