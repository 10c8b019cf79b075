#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <limits>
#include <type_traits>

#include "kernels/number.h"

// Numbers on which kernels go wrong: data, scales and offsets.
namespace ff::kernels {

/// SplitMix64: the same numbers everywhere, and fast without optimization too.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  uint64_t operator()() {
    uint64_t x = state_ += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
  }
  /// An integer from `first` to `last`.
  int64_t integer(int64_t first, int64_t last) {
    return first + static_cast<int64_t>((*this)() % static_cast<uint64_t>(last - first + 1));
  }
  /// A number in [0, 1).
  double fraction() {
    return static_cast<double>((*this)() >> 11) * 0x1p-53;
  }

 private:
  uint64_t state_;
};

/// Unsigned integers of the size of T.
template <typename T>
using BitsOf = std::conditional_t<sizeof(T) == 8, uint64_t,
                                  std::conditional_t<sizeof(T) == 4, uint32_t, uint16_t>>;

template <typename T>
BitsOf<T> bits_of(T x) {
  BitsOf<T> bits;
  std::memcpy(&bits, &x, sizeof(T));
  return bits;
}
template <typename T>
T of_bits(uint64_t bits) {
  const auto low = static_cast<BitsOf<T>>(bits);
  T x;
  std::memcpy(&x, &low, sizeof(T));
  return x;
}

/// The number `steps` patterns further from zero (nearer if negative).
template <typename T>
T nudged(T x, int64_t steps) {
  return of_bits<T>(bits_of(x) + static_cast<uint64_t>(steps));
}

/// P is the type of the arithmetic.
template <typename P>
struct Grid {
  P scale, z, low, high;
};

template <typename P>
P lowest_code(int num_bits) {
  return -std::ldexp(P{1}, num_bits - 1);
}
template <typename P>
P highest_code(int num_bits) {
  return std::ldexp(P{1}, num_bits - 1) - 1;
}

/// NaN, infinities, zeros, subnormals, the largest and the smallest.
template <typename T>
T special(Random& random) {
  using Limits = std::numeric_limits<Arithmetic<T>>;
  if (random() % 4 == 0)  // the smallest and their neighbours
    return of_bits<T>((random() % 4) | (random() % 2) << (8 * sizeof(T) - 1));
  const Arithmetic<T> numbers[] = {Limits::quiet_NaN(),
                                   Limits::infinity(),
                                   0,
                                   Limits::max(),
                                   Limits::min() / 2,
                                   Limits::min(),
                                   1,
                                   0.5,
                                   Limits::signaling_NaN(),
                                   1.5,
                                   65504,
                                   2.5};
  const Arithmetic<T> number = numbers[random() % std::size(numbers)];
  return narrow<T>(random() % 2 == 0 ? number : -number);
}

/// A half step of the grid or a code's value, up to 3 patterns off.
template <typename T>
T near_a_step(Random& random, const Grid<Arithmetic<T>>& grid) {
  using P = Arithmetic<T>;
  const auto low = static_cast<int64_t>(grid.low), high = static_cast<int64_t>(grid.high);
  const auto k = static_cast<P>(random.integer(low - 3, high + 3));
  const P half = random() % 4 == 0 ? P{0} : P{0.5};
  return nudged(narrow<T>((k + half + grid.z) * grid.scale), random.integer(-3, 3));
}

/// Data for a grid: one in six is any pattern or a special one, the others lie in it or around it,
/// most of them near a step.
template <typename T>
T data_for(Random& random, const Grid<Arithmetic<T>>& grid) {
  using P = Arithmetic<T>;
  switch (random() % 12) {
    case 0:
      return special<T>(random);
    case 1:
      return of_bits<T>(random());
    case 2:  // of all sizes
      return narrow<T>(static_cast<P>((random.fraction() - 0.5) *
                                      std::ldexp(1.0, static_cast<int>(random.integer(-30, 20)))) *
                       grid.scale);
    case 3:
    case 4:
    case 5: {
      const P width = grid.high - grid.low + 4;
      const P position = grid.low - 2 + width * static_cast<P>(random.fraction());
      return narrow<T>((position + grid.z) * grid.scale);
    }
    default:
      return near_a_step<T>(random, grid);
  }
}

/// Finite data of so different sizes that sums of them in another order round otherwise, in double
/// too.
template <typename T>
T summand(Random& random) {
  const int largest = std::is_same_v<T, Float16> ? 14 : 40;
  const double mantissa = random.fraction() * 2 - 1;
  const auto exponent = static_cast<int>(random.integer(-largest, largest));
  return narrow<T>(static_cast<Arithmetic<T>>(std::ldexp(mantissa, exponent)));
}

/// Scales at the ends of all ranges that a kernel may tell apart: those of the type, of the floats
/// that have a reciprocal in it, and of Reciprocal in grid-inl.h.
inline constexpr double kFloatScales[] = {
    1e-44, 0x1p-127, 0x1p-126, 0x1.8p-61, 0x1.fffffep-61, 0x1p-60, 0x1.000002p-60, 0x1.8p-20,
    0.1,   0.5,      1,        3,         0x1.fffffep59,  0x1p60,  0x1.000002p60,  0x1p61,
    1e38,  3.4e38};
inline constexpr double kDoubleScales[] = {5e-324, 1e-310, 0x1p-1022, 1e-60, 1e60, 1e300, 1.7e308};
template <typename P>
inline constexpr uint64_t kEdgeScales = std::size(kFloatScales) +
                                        (sizeof(P) == 8 ? std::size(kDoubleScales) : 0);

template <typename P>
P edge_scale(uint64_t choice) {
  choice %= kEdgeScales<P>;
  const bool is_float = choice < std::size(kFloatScales);
  return static_cast<P>(is_float ? kFloatScales[choice]
                                 : kDoubleScales[choice - std::size(kFloatScales)]);
}

/// Any finite number above 0.
template <typename P>
P random_scale(Random& random) {
  const P mantissa = of_bits<P>(bits_of(P{1}) | (bits_of(nudged(P{2}, -1)) & random()));
  switch (random() % 4) {
    case 0:
      return edge_scale<P>(random());
    case 1: {
      const P any = std::fabs(of_bits<P>(random()));
      return any > 0 && any < std::numeric_limits<P>::infinity() ? any : P{1};
    }
    case 2:
      return std::ldexp(mantissa, static_cast<int>(random.integer(-62, 62)));
    default:
      return std::ldexp(mantissa, static_cast<int>(random.integer(-12, 4)));
  }
}

/// Offsets: 0 and -0, both ends of those whose grid has the value 0 in it, one beyond, far beyond.
template <typename P>
P edge_offset(uint64_t choice, P low, P high) {
  const P offsets[] = {P{0},
                       P{-0.0},
                       -low,
                       -low + 1,
                       -high,
                       -high - 1,
                       300,
                       -300,
                       0x1p22,
                       -0x1p22,
                       0x1p22 + 1,
                       0x1p24,
                       -0x1p24,
                       static_cast<P>(1e30),
                       static_cast<P>(-1e30),
                       static_cast<P>(-3e38)};
  return offsets[choice % std::size(offsets)];
}
inline constexpr uint64_t kEdgeOffsets = 16;

/// Any finite integer as a P.
template <typename P>
P random_offset(Random& random, P low, P high) {
  switch (random() % 8) {
    case 0:
      return 0;
    case 1:
      return edge_offset<P>(random(), low, high);
    case 2: {
      const P any = std::nearbyint(of_bits<P>(random()));
      return std::fabs(any) < std::numeric_limits<P>::infinity() ? any : P{0};
    }
    case 3:
      return static_cast<P>(random.integer(-70000, 70000));
    default:
      return static_cast<P>(
          random.integer(-static_cast<int64_t>(high), -static_cast<int64_t>(low)));
  }
}

}  // namespace ff::kernels
