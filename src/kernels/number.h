#pragma once

#include <stdint.h>

// Numbers as they lie in memory, and the arithmetic they are computed in.
namespace ff::kernels {

/// Bits of a bfloat16: the upper half of a float.
struct Bfloat16 {
  uint16_t bits;
};

/// Bits of an IEEE binary16.
struct Float16 {
  uint16_t bits;
};

namespace detail {
inline uint32_t bits_of(float x) {
  return __builtin_bit_cast(uint32_t, x);
}
inline float of_bits(uint32_t bits) {
  return __builtin_bit_cast(float, bits);
}
}  // namespace detail

/// The type of the arithmetic for numbers T in memory.
template <typename T>
struct ArithmeticOf {
  using type = float;
};
template <>
struct ArithmeticOf<double> {
  using type = double;
};
template <typename T>
using Arithmetic = typename ArithmeticOf<T>::type;

inline float widen(float x) {
  return x;
}
inline double widen(double x) {
  return x;
}
inline float widen(Bfloat16 x) {
  return detail::of_bits(uint32_t{x.bits} << 16);
}
inline float widen(Float16 x) {
  const uint32_t sign = (x.bits & 0x8000u) << 16;
  const uint32_t magnitude = x.bits & 0x7fffu;
  if (magnitude < 0x0400u)  // subnormal: a multiple of 2^-24
    return detail::of_bits(sign | detail::bits_of(static_cast<float>(magnitude) * 0x1p-24f));
  const uint32_t exponent_shift = magnitude >= 0x7c00u ? 0x70000000u : 0x38000000u;
  return detail::of_bits(sign | ((magnitude << 13) + exponent_shift));
}

/// Rounds to nearest, ties to even, as LibTorch does. NaN stays NaN.
template <typename T>
T narrow(Arithmetic<T> x);
template <>
inline float narrow<float>(float x) {
  return x;
}
template <>
inline double narrow<double>(double x) {
  return x;
}
template <>
inline Bfloat16 narrow<Bfloat16>(float x) {
  if (x != x)
    return {0x7fc0u};
  const uint32_t bits = detail::bits_of(x);
  return {static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16)};
}
template <>
inline Float16 narrow<Float16>(float x) {
  const uint32_t bits = detail::bits_of(x);
  const uint32_t sign = (bits >> 16) & 0x8000u, magnitude = bits & 0x7fffffffu;
  uint32_t result = 0;
  if (magnitude > 0x7f800000u) {
    result = 0x7e00u;
  } else if (magnitude < 0x38800000u) {  // below 2^-14: a multiple of 2^-24
    result = static_cast<uint32_t>(__builtin_nearbyintf(detail::of_bits(magnitude) * 0x1p24f));
  } else {
    const uint32_t rounded = magnitude + 0x0fffu + ((magnitude >> 13) & 1u);
    result = rounded >= 0x47800000u ? 0x7c00u : (rounded - 0x38000000u) >> 13;
  }
  return {static_cast<uint16_t>(sign | result)};
}

}  // namespace ff::kernels
