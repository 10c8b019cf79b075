#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>

#include "kernels/chosen_tables.h"
#include "kernels/inputs.h"
#include "kernels/reference_arithmetic.h"
#include "kernels/samples.h"
#include "kernels/table.h"

// Sums and products of two operands in codes: every table against the reference.
namespace ff::kernels {
namespace {

using Kernel = void (*)(const int8_t*, const int8_t*, int8_t*, int64_t, const Combination&);

testing::AssertionResult is_equal(Kernel kernel, Kernel reference, const Buffer<int8_t>& a,
                                  const Buffer<int8_t>& b, const Combination& grids,
                                  int64_t shift) {
  Buffer<int8_t> got(a.size(), shift), expected(a.size(), shift);
  kernel(a.data(), b.data(), got.data(), a.size(), grids);
  reference(a.data(), b.data(), expected.data(), a.size(), grids);
  const int64_t different = got.first_difference(expected);
  if (different < 0)
    return testing::AssertionSuccess();
  return testing::AssertionFailure()
         << "code " << different << " of " << a.size() << ": " << int{a[different]} << " and "
         << int{b[different]} << " give " << int{got[different]} << ", expected "
         << int{expected[different]};
}

void fill(Buffer<int8_t>& bytes, Random& random) {
  for (int64_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<int8_t>(random());
}

// Grids of usual sizes, and those that overflow, vanish, or have no code for zero.
Combination random_grids(Random& random) {
  const auto scale = [&] {
    return std::ldexp(1.0F + static_cast<float>(random.integer(0, 1000)) / 1000,
                      static_cast<int>(random.integer(-12, 2)));
  };
  const auto zero = [&] { return static_cast<float>(random.integer(-200, 200)); };
  Combination grids{scale(), zero(), scale(), zero(), scale(), zero(), -128, 127};
  if (random.integer(0, 3) == 0)
    grids.scale_b = -grids.scale_b;
  if (random.integer(0, 3) == 0)
    grids.scale_a *= 1e6F;
  if (random.integer(0, 7) == 0)
    grids.scale_a = std::numeric_limits<float>::max();
  if (random.integer(0, 7) == 0)
    grids.scale = std::numeric_limits<float>::min();
  if (random.integer(0, 3) == 0) {
    grids.low = static_cast<float>(random.integer(-128, 0));
    grids.high = static_cast<float>(random.integer(1, 127));
  }
  return grids;
}

TEST(ArithmeticKernels, EqualTheReference) {
  for_each_table([](const Table& table) {
    Random random(71);
    for (const int64_t shift : kShifts) {
      for (int64_t n = 0; n <= 300; ++n) {
        Buffer<int8_t> a(n, shift), b(n, shift + 1);
        fill(a, random);
        fill(b, random);
        const Combination grids = random_grids(random);
        ASSERT_TRUE(is_equal(table.arithmetic.add_codes, reference::add_codes, a, b, grids, shift));
        ASSERT_TRUE(is_equal(table.arithmetic.multiply_codes, reference::multiply_codes, a, b,
                             grids, shift));
      }
    }
  });
}

TEST(ArithmeticKernels, OfAllPairsOfCodes) {
  for_each_table([](const Table& table) {
    Random random(72);
    Buffer<int8_t> a(256 * 256, 0), b(256 * 256, 0);
    for (int i = 0; i < 256 * 256; ++i) {
      a[i] = static_cast<int8_t>(i / 256 - 128);
      b[i] = static_cast<int8_t>(i % 256 - 128);
    }
    for (int i = 0; i < 50; ++i) {
      const Combination grids = random_grids(random);
      ASSERT_TRUE(is_equal(table.arithmetic.add_codes, reference::add_codes, a, b, grids, 0));
      ASSERT_TRUE(
          is_equal(table.arithmetic.multiply_codes, reference::multiply_codes, a, b, grids, 0));
    }
  });
}

}  // namespace
}  // namespace ff::kernels
