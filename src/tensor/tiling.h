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

/// How the parameters of a granularity lie along dense memory.
///
/// Memory is walked in its own order (largest stride first), so channels-last data is walked as it
/// lies. Neighbouring axes are merged where the parameters allow it: per-tensor is one axis, NCHW
/// per channel of axis 1 is three or fewer.
struct Tiling {
  std::vector<TiledAxis> axes;  // outermost first; empty for one element
  int64_t num_elements;
  int64_t num_tiles;

  /// Calls body(offset, length, parameter, parameter_stride) on runs that cover the elements
  /// [begin, end).
  ///
  /// Element offset + i of a run uses the parameter at parameter + i * parameter_stride.
  template <typename Body>
  void for_each_run(int64_t begin, int64_t end, const Body& body) const;
};

/// Returns the tiling of dense, non-overlapping data (at::Tensor::is_non_overlapping_and_dense).
Tiling make_tiling(c10::IntArrayRef sizes, c10::IntArrayRef strides,
                   const Granularity& granularity);

template <typename Body>
void Tiling::for_each_run(int64_t begin, int64_t end, const Body& body) const {
  const TiledAxis inner = axes.empty() ? TiledAxis{1, 1, 0} : axes.back();
  const auto outer_axes = static_cast<int64_t>(axes.size()) - 1;
  int64_t offset = begin;
  while (offset < end) {
    int64_t parameter = 0;
    int64_t rest = offset / inner.size;
    for (int64_t axis = outer_axes - 1; axis >= 0; --axis) {
      parameter += rest % axes[axis].size / axes[axis].block * axes[axis].stride;
      rest /= axes[axis].size;
    }
    const int64_t first = offset % inner.size;
    const int64_t last = std::min(inner.size, first + end - offset);
    if (inner.block == 1) {
      body(offset, last - first, parameter + first * inner.stride, inner.stride);
    } else {
      for (int64_t i = first; i < last;) {
        const int64_t tile = i / inner.block;
        const int64_t stop = std::min(last, (tile + 1) * inner.block);
        body(offset + i - first, stop - i, parameter + tile * inner.stride, int64_t{0});
        i = stop;
      }
    }
    offset += last - first;
  }
}

}  // namespace ff
