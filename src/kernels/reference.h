#pragma once

#include <math.h>
#include <stdint.h>

// The norm: what every kernel must give, bit for bit. docs/numerics.md says it in words. T is float
// or double and is also the type of the arithmetic; the build forbids contraction
// (-ffp-contract=off).
namespace ff::kernels::reference {

inline float round_half_even(float x) {
  return __builtin_nearbyintf(x);
}
inline double round_half_even(double x) {
  return __builtin_nearbyint(x);
}

/// Position of x on the grid before rounding. NaN data is taken as value 0.
template <typename T>
inline T grid_position(T x, T scale, T z) {
  const T position = x / scale - z;
  return position == position ? position : -z;
}

template <typename T>
inline T clamp(T x, T low, T high) {
  return x < low ? low : (x > high ? high : x);
}

/// codes[i] = clamp(round_half_even(data[i] / scale[j] - z[j]), low, high) with j = i *
/// parameter_stride.
template <typename T, typename Code>
void quantize(const T* data, Code* codes, int64_t n, const T* scale, const T* z,
              int64_t parameter_stride, T low, T high) noexcept {
  for (int64_t i = 0; i < n; ++i) {
    const int64_t j = i * parameter_stride;
    const T code = round_half_even(grid_position(data[i], scale[j], z[j]));
    codes[i] = static_cast<Code>(clamp(code, low, high));
  }
}

/// values[i] = (codes[i] + z[j]) * scale[j] with j = i * parameter_stride.
template <typename T, typename Code>
void dequantize(const Code* codes, T* values, int64_t n, const T* scale, const T* z,
                int64_t parameter_stride) noexcept {
  for (int64_t i = 0; i < n; ++i) {
    const int64_t j = i * parameter_stride;
    values[i] = (static_cast<T>(codes[i]) + z[j]) * scale[j];
  }
}

/// Number of partial sums of a block: element i of the block belongs to sum i % kSumLanes.
inline constexpr int kSumLanes = 8;

/// Backward of dequantize(quantize(data)) for elements of one tile, `gradient` being that of the
/// values.
///
/// Writes data_gradient and *adds nothing*: sums[0] and sums[1] become the sums over these n
/// elements for scale and offset. Each product is a T; sums are double in kSumLanes lanes, added as
/// ((0+4)+(2+6))+((1+5)+(3+7)).
template <typename T>
void backward(const T* data, const T* gradient, T* data_gradient, int64_t n, T scale, T z, T low,
              T high, double* sums) noexcept {
  double scale_lanes[kSumLanes] = {};
  double offset_lanes[kSumLanes] = {};
  for (int64_t i = 0; i < n; ++i) {
    const T position = grid_position(data[i], scale, z);
    const T code = round_half_even(position);
    const T g = gradient[i];
    const int lane = static_cast<int>(i % kSumLanes);
    if (code < low || code > high) {
      data_gradient[i] = 0;
      scale_lanes[lane] += static_cast<double>(g * ((code < low ? low : high) + z));
      offset_lanes[lane] += static_cast<double>(g * scale);
    } else {
      data_gradient[i] = data[i] == data[i] ? g : T{0};
      scale_lanes[lane] += static_cast<double>(g * (code - position));
    }
  }
  const auto tree = [](const double* lane) {
    return ((lane[0] + lane[4]) + (lane[2] + lane[6])) +
           ((lane[1] + lane[5]) + (lane[3] + lane[7]));
  };
  sums[0] = tree(scale_lanes);
  sums[1] = tree(offset_lanes);
}

}  // namespace ff::kernels::reference
