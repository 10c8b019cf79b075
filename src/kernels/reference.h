#pragma once

#include <math.h>
#include <stdint.h>

#include "kernels/number.h"
#include "kernels/panel.h"

// The norm: what every kernel must give, bit for bit. docs/numerics.md says it in words. T is how
// numbers lie in memory; the arithmetic is that of P = Arithmetic<T>. The build forbids contraction
// (-ffp-contract=off).
namespace ff::kernels::reference {

inline float round_half_even(float x) {
  return __builtin_nearbyintf(x);
}
inline double round_half_even(double x) {
  return __builtin_nearbyint(x);
}

/// Position of x on the grid before rounding. NaN data is taken as value 0.
template <typename P>
inline P grid_position(P x, P scale, P z) {
  const P position = x / scale - z;
  return position == position ? position : -z;
}

template <typename P>
inline P clamp(P x, P low, P high) {
  return x < low ? low : (x > high ? high : x);
}

/// The code of x, as a number. Adding 0 gives a zero the sign that an integer has: none.
template <typename P>
inline P code_of(P x, P scale, P z, P low, P high) {
  return clamp(round_half_even(grid_position(x, scale, z)), low, high) + P{0};
}

/// Calls body(i, j) for each element i of the panel and its parameter j.
template <typename Body>
inline void for_each(const Panel& panel, const Body& body) {
  for (int64_t row = 0; row < panel.rows; ++row) {
    for (int64_t column = 0; column < panel.columns; ++column) {
      body(row * panel.columns + column, row * panel.row_stride + column * panel.column_stride);
    }
  }
}

/// codes[i] = clamp(round_half_even(data[i] / scale[j] - z[j]), low, high)
template <typename T, typename Code>
void quantize(const T* data, Code* codes, const Panel& panel, const Arithmetic<T>* scale,
              const Arithmetic<T>* z, Arithmetic<T> low, Arithmetic<T> high) noexcept {
  for_each(panel, [&](int64_t i, int64_t j) {
    codes[i] = static_cast<Code>(code_of(widen(data[i]), scale[j], z[j], low, high));
  });
}

/// values[i] = (codes[i] + z[j]) * scale[j]
template <typename T, typename Code>
void dequantize(const Code* codes, T* values, const Panel& panel, const Arithmetic<T>* scale,
                const Arithmetic<T>* z, bool /*stream*/) noexcept {
  for_each(panel, [&](int64_t i, int64_t j) {
    values[i] = narrow<T>((static_cast<Arithmetic<T>>(codes[i]) + z[j]) * scale[j]);
  });
}

/// values = dequantize(quantize(data)). `values` may be `data`.
template <typename T>
void fake_quantize(const T* data, T* values, const Panel& panel, const Arithmetic<T>* scale,
                   const Arithmetic<T>* z, Arithmetic<T> low, Arithmetic<T> high,
                   bool /*stream*/) noexcept {
  for_each(panel, [&](int64_t i, int64_t j) {
    values[i] = narrow<T>((code_of(widen(data[i]), scale[j], z[j], low, high) + z[j]) * scale[j]);
  });
}

/// Number of partial sums of a block: element i of the block belongs to sum i % kSumLanes.
inline constexpr int kSumLanes = 8;

inline double sum_of_lanes(const double* lane) {
  return ((lane[0] + lane[4]) + (lane[2] + lane[6])) + ((lane[1] + lane[5]) + (lane[3] + lane[7]));
}

/// Backward of dequantize(quantize(data)) for n elements of one tile, `gradient` being that of the
/// values. Writes data_gradient, and to sums[0] and sums[1] the gradients of scale and offset.
///
/// Each product is a P; sums are double in kSumLanes lanes, added by sum_of_lanes.
template <typename T>
void backward(const T* data, const T* gradient, T* data_gradient, int64_t n, Arithmetic<T> scale,
              Arithmetic<T> z, Arithmetic<T> low, Arithmetic<T> high, double* sums,
              bool /*stream*/) noexcept {
  using P = Arithmetic<T>;
  double scale_lanes[kSumLanes] = {};
  double offset_lanes[kSumLanes] = {};
  for (int64_t i = 0; i < n; ++i) {
    const P x = widen(data[i]), g = widen(gradient[i]);
    const P position = grid_position(x, scale, z);
    const P code = round_half_even(position);
    const int lane = static_cast<int>(i % kSumLanes);
    if (code < low || code > high) {
      data_gradient[i] = T{};
      scale_lanes[lane] += static_cast<double>(g * ((code < low ? low : high) + z));
      offset_lanes[lane] += static_cast<double>(g * scale);
    } else {
      data_gradient[i] = x == x ? gradient[i] : T{};
      scale_lanes[lane] += static_cast<double>(g * (code - position));
    }
  }
  sums[0] = sum_of_lanes(scale_lanes);
  sums[1] = sum_of_lanes(offset_lanes);
}

/// Lowers min[j] and raises max[j] to what the data has. False if some element is NaN or infinite;
/// then min and max say nothing. The sign of a zero is open.
template <typename T>
bool min_max(const T* data, const Panel& panel, Arithmetic<T>* min, Arithmetic<T>* max) noexcept {
  bool finite = true;
  for_each(panel, [&](int64_t i, int64_t j) {
    const Arithmetic<T> x = widen(data[i]);
    finite = finite && x - x == 0;
    min[j] = x < min[j] ? x : min[j];
    max[j] = x > max[j] ? x : max[j];
  });
  return finite;
}

/// Raises max[j] to the absolute values that the data has. Returns as min_max does.
template <typename T>
bool max_abs(const T* data, const Panel& panel, Arithmetic<T>* max) noexcept {
  bool finite = true;
  for_each(panel, [&](int64_t i, int64_t j) {
    const Arithmetic<T> x = widen(data[i]), magnitude = x < 0 ? -x : x;
    finite = finite && x - x == 0;
    max[j] = magnitude > max[j] ? magnitude : max[j];
  });
  return finite;
}

/// The sum of the squares of n elements, each a double, in lanes as in backward.
template <typename T>
double sum_of_squares(const T* data, int64_t n) noexcept {
  double lanes[kSumLanes] = {};
  for (int64_t i = 0; i < n; ++i) {
    const auto x = static_cast<double>(widen(data[i]));
    lanes[i % kSumLanes] += x * x;
  }
  return sum_of_lanes(lanes);
}

/// Squared errors are summed in P, element i in lane i % kErrorLanes, for kErrorRun elements at a
/// time: 16 terms a lane at most.
inline constexpr int kErrorLanes = 16;
inline constexpr int64_t kErrorRun = 256;

/// errors[c] = sum over n finite elements of (dequantize(quantize(data)) - data)^2 with scale[c]
/// and z[c], for each candidate c.
///
/// Each difference, square and lane is a P. After kErrorRun elements the lanes are added to double
/// lanes; at the end lane l and lane l + 8 are added, then the eight by sum_of_lanes.
template <typename T>
void squared_errors(const T* data, int64_t n, int64_t candidates, const Arithmetic<T>* scale,
                    const Arithmetic<T>* z, Arithmetic<T> low, Arithmetic<T> high,
                    double* errors) noexcept {
  using P = Arithmetic<T>;
  for (int64_t c = 0; c < candidates; ++c) {
    double lanes[kErrorLanes] = {};
    for (int64_t begin = 0; begin < n; begin += kErrorRun) {
      P run[kErrorLanes] = {};
      for (int64_t i = begin; i < n && i < begin + kErrorRun; ++i) {
        const P x = widen(data[i]);
        const P error = (code_of(x, scale[c], z[c], low, high) + z[c]) * scale[c] - x;
        run[i % kErrorLanes] += error * error;
      }
      for (int lane = 0; lane < kErrorLanes; ++lane)
        lanes[lane] += static_cast<double>(run[lane]);
    }
    for (int lane = 0; lane < kSumLanes; ++lane)
      lanes[lane] += lanes[lane + kSumLanes];
    errors[c] = sum_of_lanes(lanes);
  }
}

/// results[i] = table[codes[i] + 128]
inline void lookup_int8(const int8_t* codes, const int8_t* table, int8_t* results,
                        int64_t n) noexcept {
  for (int64_t i = 0; i < n; ++i)
    results[i] = table[codes[i] + 128];
}

/// Two codes of 4 bits a byte, the first in the lower half. A half that is left over is 0.
inline void pack_int4(const int8_t* codes, uint8_t* packed, int64_t n) noexcept {
  for (int64_t i = 0; i < n; i += 2) {
    const int high = i + 1 < n ? codes[i + 1] : 0;
    packed[i / 2] = static_cast<uint8_t>((codes[i] & 15) | ((high & 15) << 4));
  }
}

/// The n codes that pack_int4 packed.
inline void unpack_int4(const uint8_t* packed, int8_t* codes, int64_t n) noexcept {
  for (int64_t i = 0; i < n; ++i) {
    const int nibble = (packed[i / 2] >> (i % 2 * 4)) & 15;
    codes[i] = static_cast<int8_t>((nibble ^ 8) - 8);
  }
}

/// sum = sum of numbers[i] - first over those numbers[i] < end; returns how many these are. Such
/// differences are at least 0, and their sum fits into 31 bits.
inline int32_t sum_below(const int32_t* numbers, int64_t n, int32_t first, int32_t end,
                         int32_t* sum) noexcept {
  int32_t count = 0;
  *sum = 0;
  for (int64_t i = 0; i < n; ++i) {
    if (numbers[i] < end) {
      ++count;
      *sum += numbers[i] - first;
    }
  }
  return count;
}

}  // namespace ff::kernels::reference
