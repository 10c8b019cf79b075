#pragma once

#include <math.h>
#include <stdint.h>

#include "kernels/product.h"
#include "kernels/reference.h"

// The norm of products, see reference.h.
namespace ff::kernels::reference {

/// Packs weights [channels, taps, depth].
inline void pack_weights(const int8_t* weights, int64_t channels, int64_t taps, int64_t depth,
                         int8_t* packed) noexcept {
  const int64_t quads = round_up(depth, kQuad) / kQuad;
  for (int64_t i = 0; i < packed_size(channels, taps, depth); ++i)
    packed[i] = 0;
  for (int64_t c = 0; c < channels; ++c) {
    for (int64_t t = 0; t < taps; ++t) {
      for (int64_t k = 0; k < depth; ++k) {
        const int64_t quad = (c / kPanelChannels * taps + t) * quads + k / kQuad;
        packed[(quad * kPanelChannels + c % kPanelChannels) * kQuad + k % kQuad] =
            weights[(c * taps + t) * depth + k];
      }
    }
  }
}

/// Undoes pack_weights for one channel.
inline void unpack_channel(const int8_t* packed, int64_t channel, int64_t taps, int64_t depth,
                           int8_t* weights) noexcept {
  const int64_t quads = round_up(depth, kQuad) / kQuad;
  for (int64_t t = 0; t < taps; ++t) {
    for (int64_t k = 0; k < depth; ++k) {
      const int64_t quad = (channel / kPanelChannels * taps + t) * quads + k / kQuad;
      weights[t * depth + k] =
          packed[(quad * kPanelChannels + channel % kPanelChannels) * kQuad + k % kQuad];
    }
  }
}

/// The sum of a row and a channel. It wraps around as the processor's does; what comes out fits.
inline int32_t product_sum(const int8_t* const* row, const Product& product,
                           int64_t channel) noexcept {
  const int64_t quads = round_up(product.depth, kQuad) / kQuad;
  const int8_t* panel =
      product.weights + channel / kPanelChannels * product.taps * quads * kPanelChannels * kQuad;
  auto sum = static_cast<uint32_t>(product.zero) * static_cast<uint32_t>(product.sums[channel]);
  for (int64_t t = 0; t < product.taps; ++t) {
    for (int64_t k = 0; k < product.depth; ++k) {
      const int64_t quad = t * quads + k / kQuad;
      const int8_t w =
          panel[(quad * kPanelChannels + channel % kPanelChannels) * kQuad + k % kQuad];
      sum += static_cast<uint32_t>(row[t][k] * w);
    }
  }
  return static_cast<int32_t>(sum);
}

inline float product_value(const int8_t* const* row, const Product& product,
                           int64_t channel) noexcept {
  return fmaf(static_cast<float>(product_sum(row, product, channel)), product.factor[channel],
              product.shift[channel]);
}

/// Calls body(i, value) for each result i, `stride` apart from row to row.
template <typename ValueOf, typename Body>
void for_each_value(const int8_t* const* rows, int64_t count, const Product& product,
                    int64_t stride, ValueOf value_of, const Body& body) {
  for (int64_t r = 0; r < count; ++r) {
    for (int64_t c = 0; c < product.channels; ++c)
      body(r * stride + c, value_of(rows + r * product.taps, product, c));
  }
}

/// The code of a value.
inline int8_t product_code(float value, const Product& product) noexcept {
  return static_cast<int8_t>(clamp(round_half_even(value), product.low, product.high));
}

/// Codes of `count` rows; rows[r * taps + t] are the `depth` codes of row r at tap t.
inline void product_codes(const int8_t* const* rows, int64_t count, const Product& product,
                          int8_t* codes, int64_t stride) noexcept {
  for_each_value(rows, count, product, stride, product_value,
                 [&](int64_t i, float value) { codes[i] = product_code(value, product); });
}

/// Values of such rows.
inline void product_values(const int8_t* const* rows, int64_t count, const Product& product,
                           float* values, int64_t stride) noexcept {
  for_each_value(rows, count, product, stride, product_value,
                 [&](int64_t i, float value) { values[i] = value; });
}

/// A window and a channel that has only itself as input. Weights are packed as pack_weights does it
/// with the columns of the window as taps, and the taps of a column as depth.
inline float depthwise_value(const int8_t* const* columns, const Lines& lines,
                             const Product& product, int64_t channel) noexcept {
  const int64_t quads = round_up(lines.height, kQuad) / kQuad;
  auto sum = static_cast<uint32_t>(product.zero) * static_cast<uint32_t>(product.sums[channel]);
  for (int64_t x = 0; x < lines.width; ++x) {
    for (int64_t y = 0; y < lines.height; ++y) {
      const int64_t quad = (channel / kPanelChannels * lines.width + x) * quads + y / kQuad;
      const int8_t w =
          product.weights[(quad * kPanelChannels + channel % kPanelChannels) * kQuad + y % kQuad];
      sum += static_cast<uint32_t>(columns[x * lines.dilation * lines.height + y][channel] * w);
    }
  }
  return fmaf(static_cast<float>(static_cast<int32_t>(sum)), product.factor[channel],
              product.shift[channel]);
}

/// Calls body(i, value) for each result of lines.
template <typename Body>
void for_each_window(const int8_t* const* columns, const Lines& lines, const Product& product,
                     int64_t stride, const Body& body) {
  for (int64_t row = 0; row < lines.count * lines.results; ++row) {
    const int64_t line = row / lines.results, x = row % lines.results;
    const int8_t* const* window =
        columns + (line * lines.columns() + x * lines.stride) * lines.height;
    for (int64_t c = 0; c < product.channels; ++c)
      body(row * stride + c, depthwise_value(window, lines, product, c));
  }
}

/// Codes of all windows, line after line; columns[(line * lines.columns() + x) * height + y] are
/// the codes of all channels at one tap.
inline void depthwise_codes(const int8_t* const* columns, const Lines& lines,
                            const Product& product, int8_t* codes, int64_t stride) noexcept {
  for_each_window(columns, lines, product, stride,
                  [&](int64_t i, float value) { codes[i] = product_code(value, product); });
}

/// Values of all windows.
inline void depthwise_values(const int8_t* const* columns, const Lines& lines,
                             const Product& product, float* values, int64_t stride) noexcept {
  for_each_window(columns, lines, product, stride,
                  [&](int64_t i, float value) { values[i] = value; });
}

}  // namespace ff::kernels::reference
