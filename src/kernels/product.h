#pragma once

#include <stdint.h>

namespace ff::kernels {

/// Output channels of packed weights that lie together.
inline constexpr int64_t kPanelChannels = 16;
/// Codes along the depth that lie together.
inline constexpr int64_t kQuad = 4;

/// Taps that a depthwise product may have.
inline constexpr int64_t kDepthwiseTaps = 64;

constexpr int64_t round_up(int64_t n, int64_t multiple) {
  return (n + multiple - 1) / multiple * multiple;
}

/// Bytes of packed weights.
///
/// The codes of channel c, tap t and depth k lie at
/// ((c / 16 * taps + t) * quads + k / 4) * 64 + c % 16 * 4 + k % 4, quads = round_up(depth, 4) / 4;
/// those that are missing are 0.
constexpr int64_t packed_size(int64_t channels, int64_t taps, int64_t depth) {
  return round_up(channels, kPanelChannels) * taps * round_up(depth, kQuad);
}

/// Constant weights of a linear layer (one tap) or convolution (a tap for each place of its
/// window), and how the sums become results.
///
/// For each row and channel c, a being the codes of the row's input and w those of the weights,
///
///     sum    = sum over taps and depth of (a + zero) * w[c], an integer of 32 bits
///     y      = fma(sum, factor[c], shift[c]), in float32
///     value  = y
///     code   = clamp(round_half_even(y), low, high)
struct Product {
  /// Packed, see packed_size.
  const int8_t* weights;
  /// Of the weights for one channel.
  int64_t taps;
  /// Codes that a row has at one tap.
  int64_t depth;
  /// Output channels.
  int64_t channels;
  /// z of the input's grid.
  int32_t zero;
  /// Sum of the weights of each channel; this and the next two have round_up(channels, 16)
  /// elements.
  const int32_t* sums;
  /// See above; finite, like shift.
  const float* factor;
  /// See above.
  const float* shift;
  /// Least code; -128 or more.
  float low;
  /// Greatest code; 127 or less.
  float high;
};

/// Lines of windows over images, for products of each channel by itself. A line has columns of
/// `height` taps; window x of it has the `width` columns x * stride + i * dilation.
struct Lines {
  /// Lines.
  int64_t count;
  /// Windows of a line: its results.
  int64_t results;
  /// Taps of a column.
  int64_t height;
  /// Columns of a window; height * width taps, at most kDepthwiseTaps.
  int64_t width;
  /// Columns from a window to the next.
  int64_t stride;
  /// Columns from one column of a window to the next.
  int64_t dilation;
  /// The columns of the lines that come next, whose memory is fetched on the way.
  const int8_t* const* next = nullptr;
  /// How many lines these are; at most `count`.
  int64_t next_count = 0;

  /// Columns of a line.
  constexpr int64_t columns() const {
    return results == 0 ? 0 : (results - 1) * stride + (width - 1) * dilation + 1;
  }
};

}  // namespace ff::kernels
