#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>

#include "kernels/affine_equality.h"
#include "kernels/chosen_tables.h"
#include "kernels/inputs.h"
#include "kernels/samples.h"
#include "kernels/sum_equality.h"
#include "kernels/table.h"

// Quotients x / scale that are as near as can be to where rounding turns: the middle between a half
// step of the grid and the float next to it. A division that is not exact gives them another code.
namespace ff::kernels {
namespace {

// The inverse of an odd number modulo 2^64; each step doubles the number of correct bits.
uint64_t inverse_of(uint64_t odd) {
  uint64_t inverse = odd;
  for (int step = 0; step < 5; ++step)
    inverse *= 2 - odd * inverse;
  return inverse;
}

struct HardQuotient {
  float x, scale;
  int64_t k;
};

// x and scale so that x / scale = middle * (1 - r / (middle * scale)) in integers of 25 and 24
// bits, |r| < 64: nearer to a middle between two floats than almost all quotients. One of the two
// floats is k + 0.5, 0 <= k <= top, top > 0.
//
// middle * scale = r (mod 2^shift) is solved for scale; then x = (middle * scale - r) / 2^shift.
// Not for every middle has x or scale the size of a mantissa.
HardQuotient hard_quotient(Random& random, int64_t top, int scale_exponent) {
  constexpr uint64_t kLeast = uint64_t{1} << 23;
  const auto is_mantissa = [](uint64_t m) { return m >= kLeast && m < 2 * kLeast; };
  while (true) {
    const int64_t k = random.integer(0, top);
    const auto twice = static_cast<uint64_t>(2 * k + 1);
    int up = 0;
    while (twice << (up + 1) < uint64_t{1} << 25)
      ++up;
    const uint64_t middle = random() % 2 == 0 ? (twice << up) + 1 : (twice << up) - 1;
    const auto r = static_cast<uint64_t>(random.integer(-63, 63));
    const auto shift = static_cast<int>(random.integer(24, 25));
    const uint64_t scale = (r * inverse_of(middle)) & ((uint64_t{1} << shift) - 1);
    const uint64_t x = (middle * scale - r) >> shift;
    if (is_mantissa(x) && is_mantissa(scale)) {
      return {std::ldexp(static_cast<float>(x), scale_exponent + shift - up - 1 - 23),
              std::ldexp(static_cast<float>(scale), scale_exponent - 23), k};
    }
  }
}

// A run of data of one scale, long enough for the fast path: the hard quotient, the floats beside
// it, both signs, then half steps and what is beside those.
template <typename T>
void fill(Inputs<T>& in, Random& random, float hard) {
  const Grid<float> grid{in.scale[0], in.z[0], in.low, in.high};
  for (int64_t i = 0; i < in.size(); ++i) {
    const float x = nudged(i % 2 == 0 ? hard : -hard, i / 2 % 7 - 3);
    in.data[i] = i < 28 ? x : near_a_step<float>(random, grid);
  }
}

// The grid has the value 0 in it: low + z <= 0 <= high + z.
testing::AssertionResult is_equal(const Table& table, Random& random, float z, int num_bits) {
  Inputs<float> in(uniform_panel(130), 0, num_bits);
  in.z[0] = z;
  const auto top = static_cast<int64_t>(std::fmax(in.high + z, -in.low - z));
  const auto exponent = static_cast<int>(random.integer(-60, 59));
  const HardQuotient hard = hard_quotient(random, top, exponent);
  in.scale[0] = hard.scale;
  fill(in, random, hard.x);
  const testing::AssertionResult result = affine_is_equal(table, in, random);

  Candidates<float> grids(1, 0, num_bits);
  grids.scale[0] = in.scale[0];
  grids.z[0] = z;
  return result ? squared_errors_are_equal(table, in.data, grids, 0) : result;
}

TEST(HardQuotients, AreAsNearAsTheyShouldBe) {
  Random random(51);
  for (int round = 0; round < 1000; ++round) {
    const HardQuotient hard = hard_quotient(random, 65535, 0);
    const long double quotient = static_cast<long double>(hard.x) / hard.scale;
    const float half = static_cast<float>(hard.k) + 0.5f;
    const float neighbour = std::nextafter(half, quotient > half ? 1e9f : 0.0f);
    const long double middle = (static_cast<long double>(half) + neighbour) / 2;
    EXPECT_LT(std::fabs(quotient / middle - 1), 0x1p-40L)
        << hard.x << " / " << hard.scale << ", k = " << hard.k;
  }
}

TEST(HardQuotients, GetTheirCodesWithoutOffset) {
  for_each_table([](const Table& table) {
    Random random(52);
    for (int round = 0; round < 5000; ++round)
      ASSERT_TRUE(is_equal(table, random, 0, static_cast<int>(random.integer(2, 16))));
  });
}

TEST(HardQuotients, GetTheirCodesWithAnOffset) {
  for_each_table([](const Table& table) {
    Random random(53);
    for (int round = 0; round < 5000; ++round) {
      const auto num_bits = static_cast<int>(random.integer(2, 16));
      const auto low = static_cast<int64_t>(lowest_code<float>(num_bits));
      const auto z = static_cast<float>(random.integer(low + 1, -low));
      ASSERT_TRUE(is_equal(table, random, z, num_bits));
    }
  });
}

}  // namespace
}  // namespace ff::kernels
