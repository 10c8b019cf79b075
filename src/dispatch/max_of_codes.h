#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace ff::dispatch {

/// How windows lie along one axis.
struct PoolAxis {
  /// Places in a window.
  int64_t window = 1;
  /// Elements of the axis.
  int64_t in = 1;
  /// Windows.
  int64_t out = 1;
  /// As LibTorch's operators have them.
  int64_t stride = 1, padding = 0, dilation = 1;

  /// Where a place of a window lies; outside of the axis in the padding.
  int64_t at(int64_t result, int64_t place) const {
    return result * stride - padding + place * dilation;
  }
  /// True if the axis has this element.
  bool has(int64_t index) const {
    return index >= 0 && index < in;
  }
  /// True if each window has an element of the axis in it.
  bool is_covered() const;
};

/// The greatest int8 code of each window, on the CPU. `axes` are one to three, the last ones of
/// `codes`, [channels, axes...] or [batch, channels, axes...]; each is covered. Channels that lie
/// together do so in the result. Exact; the same for any number of threads.
///
/// LibTorch 2.15 takes no int8 codes in max_pool1d, and no channels-last ones of more than 127
/// pixels in max_pool2d; it writes 8 bytes of index beside each code.
at::Tensor max_of_codes(const at::Tensor& codes, const std::vector<PoolAxis>& axes);

}  // namespace ff::dispatch
