#include "kernels/number.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

#include "kernels/samples.h"

// widen and narrow against the definition of the formats, in double arithmetic, which is exact
// here.
namespace ff::kernels {
namespace {

template <typename T>
struct Format;
template <>
struct Format<Bfloat16> {
  static constexpr int kMantissaBits = 7, kExponentBits = 8;
};
template <>
struct Format<Float16> {
  static constexpr int kMantissaBits = 10, kExponentBits = 5;
};

// The number of a pattern without sign. That of infinity counts as the power of two which would
// follow the largest number, as in the rule of rounding.
template <typename T>
double number_of(uint32_t magnitude) {
  constexpr int kMantissaBits = Format<T>::kMantissaBits;
  constexpr int kBias = (1 << (Format<T>::kExponentBits - 1)) - 1;
  const auto exponent = static_cast<int>(magnitude >> kMantissaBits);
  const auto mantissa = static_cast<double>(magnitude & ((1u << kMantissaBits) - 1));
  const double one = std::ldexp(1.0, kMantissaBits);
  return exponent == 0 ? std::ldexp(mantissa, 1 - kBias - kMantissaBits)
                       : std::ldexp(one + mantissa, exponent - kBias - kMantissaBits);
}

template <typename T>
constexpr uint32_t kInfinityBits = ((1u << Format<T>::kExponentBits) - 1)
                                   << Format<T>::kMantissaBits;

template <typename T>
class Number : public testing::Test {};
using NarrowNumbers = testing::Types<Bfloat16, Float16>;
TYPED_TEST_SUITE(Number, NarrowNumbers);

TYPED_TEST(Number, EveryPatternWidensToItsNumber) {
  using T = TypeParam;
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const uint32_t magnitude = bits & 0x7fff;
    const float wide = widen(T{static_cast<uint16_t>(bits)});
    EXPECT_EQ(std::signbit(wide), bits >= 0x8000) << bits;
    if (magnitude > kInfinityBits<T>) {
      EXPECT_TRUE(std::isnan(wide)) << bits;
    } else if (magnitude == kInfinityBits<T>) {
      EXPECT_TRUE(std::isinf(wide)) << bits;
    } else {
      EXPECT_EQ(std::fabs(static_cast<double>(wide)), number_of<T>(magnitude)) << bits;
    }
  }
}

TYPED_TEST(Number, EveryPatternComesBack) {
  using T = TypeParam;
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const uint16_t back = narrow<T>(widen(T{static_cast<uint16_t>(bits)})).bits;
    if ((bits & 0x7fff) > kInfinityBits<T>) {
      EXPECT_GT(back & 0x7fffu, kInfinityBits<T>) << bits;
    } else {
      EXPECT_EQ(back, bits);
    }
  }
}

// The pattern without sign that x >= 0 rounds to, found by halving: the nearest, of two the even.
template <typename T>
uint32_t nearest_to(double x) {
  uint32_t below = 0, above = kInfinityBits<T>;
  while (above - below > 1) {
    const uint32_t middle = (below + above) / 2;
    (number_of<T>(middle) <= x ? below : above) = middle;
  }
  if (x >= number_of<T>(above))
    return above;
  const double to_below = x - number_of<T>(below), to_above = number_of<T>(above) - x;
  if (to_below == to_above)
    return below % 2 == 0 ? below : above;
  return to_below < to_above ? below : above;
}

template <typename T>
void expect_nearest(float x) {
  const uint32_t magnitude = nearest_to<T>(std::fabs(static_cast<double>(x)));
  EXPECT_EQ(narrow<T>(x).bits, magnitude | (std::signbit(x) ? 0x8000u : 0u)) << std::hexfloat << x;
}

// Rounding is monotonic: if it is right at each number, in the middle to the next one, and at the
// floats beside that, it is right everywhere.
TYPED_TEST(Number, NarrowRoundsToTheNearestEven) {
  using T = TypeParam;
  for (uint32_t bits = 0; bits < kInfinityBits<T>; ++bits) {
    const auto number = static_cast<float>(number_of<T>(bits));
    const double middle = (number_of<T>(bits) + number_of<T>(bits + 1)) / 2;
    const auto half = static_cast<float>(middle);
    ASSERT_EQ(static_cast<double>(half), middle);
    for (const float sign : {1.0f, -1.0f}) {
      expect_nearest<T>(sign * number);
      expect_nearest<T>(sign * half);
      expect_nearest<T>(sign * std::nextafter(half, 0.0f));
      expect_nearest<T>(sign * std::nextafter(half, std::numeric_limits<float>::max()));
    }
  }
}

TYPED_TEST(Number, NarrowOfRandomFloats) {
  using T = TypeParam;
  Random random(61);
  for (int i = 0; i < 300000; ++i) {
    const auto x = of_bits<float>(random());
    if (std::isfinite(x))
      expect_nearest<T>(x);
  }
}

TYPED_TEST(Number, NarrowKeepsInfinityAndNan) {
  using T = TypeParam;
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(narrow<T>(kInfinity).bits, kInfinityBits<T>);
  EXPECT_EQ(narrow<T>(-kInfinity).bits, kInfinityBits<T> | 0x8000u);
  EXPECT_EQ(narrow<T>(std::numeric_limits<float>::max()).bits, kInfinityBits<T>)
      << "beyond the middle between the largest number and the next power of two";
  // Every single bit of a NaN that may be lost in the narrow mantissa, both signs.
  for (int bit = 0; bit < 23; ++bit) {
    for (const uint32_t sign : {0u, 0x80000000u}) {
      const T nan = narrow<T>(of_bits<float>(sign | 0x7f800000u | (1u << bit)));
      EXPECT_GT(nan.bits & 0x7fffu, kInfinityBits<T>) << bit;
    }
  }
  EXPECT_GT(narrow<T>(of_bits<float>(0x7fffffffu)).bits & 0x7fffu, kInfinityBits<T>);
  EXPECT_GT(narrow<T>(of_bits<float>(0xffffffffu)).bits & 0x7fffu, kInfinityBits<T>);
}

TEST(NumberByHand, Float16) {
  EXPECT_EQ(narrow<Float16>(1.0f).bits, 0x3c00);
  EXPECT_EQ(narrow<Float16>(-2.0f).bits, 0xc000);
  EXPECT_EQ(narrow<Float16>(65504.0f).bits, 0x7bff);
  EXPECT_EQ(narrow<Float16>(65519.996f).bits, 0x7bff);
  EXPECT_EQ(narrow<Float16>(65520.0f).bits, 0x7c00);
  EXPECT_EQ(narrow<Float16>(0x1p-24f).bits, 0x0001);
  EXPECT_EQ(narrow<Float16>(0x1p-25f).bits, 0x0000) << "a tie, and 0 is even";
  EXPECT_EQ(narrow<Float16>(0x1.8p-24f).bits, 0x0002) << "a tie, and 1 is odd";
  EXPECT_EQ(narrow<Float16>(-0.0f).bits, 0x8000);
}

TEST(NumberByHand, Bfloat16) {
  EXPECT_EQ(narrow<Bfloat16>(1.0f).bits, 0x3f80);
  EXPECT_EQ(narrow<Bfloat16>(1.00390625f).bits, 0x3f80) << "a tie";
  EXPECT_EQ(narrow<Bfloat16>(1.01171875f).bits, 0x3f82) << "a tie";
  EXPECT_EQ(narrow<Bfloat16>(-0.0f).bits, 0x8000);
}

TEST(NumberByHand, WideTypesStay) {
  EXPECT_EQ(widen(narrow<float>(0.1f)), 0.1f);
  EXPECT_EQ(widen(narrow<double>(0.1)), 0.1);
}

}  // namespace
}  // namespace ff::kernels
