#include <gtest/gtest.h>

#include <cstdint>
#include <iterator>
#include <limits>

#include "kernels/chosen_tables.h"
#include "kernels/extreme_equality.h"
#include "kernels/inputs.h"
#include "kernels/samples.h"
#include "kernels/sum_equality.h"
#include "kernels/table.h"

// min_max, max_abs and sum_of_squares of every table.
namespace ff::kernels {
namespace {

/// Fills with finite data: of both signs, or of one, so that an extreme of 0 from nowhere shows.
template <typename T>
void fill_finite(Buffer<T>& data, Random& random) {
  const uint64_t sign = random() % 3;
  for (int64_t i = 0; i < data.size(); ++i) {
    const T any = finite(random() % 3 == 0 ? special<T>(random) : summand<T>(random));
    const Arithmetic<T> x = widen(any), magnitude = x < 0 ? -x : x;
    data[i] = sign == 0 ? any : narrow<T>(sign == 1 ? magnitude : -magnitude);
  }
}

template <typename T>
testing::AssertionResult finite_extremes_are_equal(const Table& table, const Panel& panel,
                                                   int64_t shift, Random& random) {
  Inputs<T> in(panel, shift, 8);
  fill_finite(in.data, random);
  return extremes_are_equal(table, in, random);
}

template <typename T>
class ReduceKernels : public testing::Test {};
TYPED_TEST_SUITE(ReduceKernels, NumberTypes);

template <typename T>
class NarrowReduceKernels : public testing::Test {};
TYPED_TEST_SUITE(NarrowReduceKernels, NarrowTypes);

TYPED_TEST(ReduceKernels, EverySizeAndPlace) {
  for_each_table([](const Table& table) {
    Random random(21);
    for (const int64_t n : kSizes) {
      for (const int64_t shift : kShifts) {
        for (int round = 0; round < 9; ++round) {
          ASSERT_TRUE(finite_extremes_are_equal<TypeParam>(table, uniform_panel(n), shift, random));
          Buffer<TypeParam> data(n, shift);
          fill_finite(data, random);
          ASSERT_TRUE(sum_of_squares_is_equal(table, data));
        }
      }
    }
  });
}

TYPED_TEST(ReduceKernels, EveryPanel) {
  for_each_table([](const Table& table) {
    Random random(22);
    for_each_panel([&](const Panel& panel) {
      const int64_t shift = kShifts[random() % std::size(kShifts)];
      ASSERT_TRUE(finite_extremes_are_equal<TypeParam>(table, panel, shift, random));
    });
    for_each_empty_panel([&](const Panel& panel) {
      ASSERT_TRUE(finite_extremes_are_equal<TypeParam>(table, panel, 1, random));
    });
  });
}

TYPED_TEST(ReduceKernels, ManyElements) {
  for_each_table([](const Table& table) {
    Random random(23);
    for (const Panel& panel : {uniform_panel(kBig), Panel{1, kBig, 0, 1}, Panel{77, 12987, 1, 0}})
      ASSERT_TRUE(finite_extremes_are_equal<TypeParam>(table, panel, 1, random));
  });
}

// Wherever the one number is that is not finite, and wherever the extreme one is.
TYPED_TEST(ReduceKernels, EveryElementCounts) {
  using P = Arithmetic<TypeParam>;
  using Limits = std::numeric_limits<P>;
  for_each_table([](const Table& table) {
    Random random(24);
    for (const Panel& panel : {uniform_panel(1), uniform_panel(7), uniform_panel(16),
                               uniform_panel(129), Panel{3, 37, 1, 0}, Panel{3, 37, 0, 1}}) {
      Inputs<TypeParam> in(panel, 1, 8);
      fill_finite(in.data, random);
      for (int64_t i = 0; i < in.size(); ++i) {
        const TypeParam before = in.data[i];
        for (const P x : {Limits::quiet_NaN(), Limits::infinity(), -Limits::infinity(),
                          Limits::max(), Limits::lowest(), P(60000), P(-60000)}) {
          in.data[i] = narrow<TypeParam>(x);
          ASSERT_TRUE(extremes_are_equal(table, in, random)) << "element " << i << " is " << x;
          ASSERT_TRUE(sum_of_squares_is_equal(table, in.data)) << "element " << i << " is " << x;
        }
        in.data[i] = before;
      }
    }
  });
}

TYPED_TEST(NarrowReduceKernels, AllNumbers) {
  for_each_table([](const Table& table) {
    Random random(25);
    Inputs<TypeParam> in(uniform_panel(1), 0, 8);
    for (uint64_t bits = 0; bits < 65536; ++bits) {
      in.data[0] = of_bits<TypeParam>(bits);
      ASSERT_TRUE(extremes_are_equal(table, in, random));
      ASSERT_TRUE(sum_of_squares_is_equal(table, in.data));
    }
  });
}

}  // namespace
}  // namespace ff::kernels
