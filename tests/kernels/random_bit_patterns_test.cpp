#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <random>
#include <string>

#include "kernels/affine_equality.h"
#include "kernels/chosen_tables.h"
#include "kernels/code_equality.h"
#include "kernels/extreme_equality.h"
#include "kernels/inputs.h"
#include "kernels/samples.h"
#include "kernels/sum_equality.h"
#include "kernels/table.h"

// Ten million random patterns for each number type: data, scales, offsets, shapes. Another seed
// each time; FF_SEED repeats one.
namespace ff::kernels {
namespace {

constexpr int64_t kPatterns = 10'000'000;

uint64_t chosen_seed() {
  static const uint64_t seed = [] {
    const char* given = std::getenv("FF_SEED");
    const bool is_given = given != nullptr && *given != '\0';
    const uint64_t chosen = is_given ? std::strtoull(given, nullptr, 0) : std::random_device()();
    std::cout << "FF_SEED=" << chosen << '\n';
    return chosen;
  }();
  return seed;
}

Panel random_panel(Random& random) {
  if (random() % 4 == 0)
    return uniform_panel(random.integer(0, kSumBlock));
  const int64_t columns = random.integer(1, random() % 2 == 0 ? 70 : 1400);
  const int64_t rows = random.integer(0, 4096 / columns);
  return {rows, columns, random.integer(0, 3), random.integer(0, 3)};
}

template <typename T>
testing::AssertionResult all_are_equal(const Table& table, const Inputs<T>& in, Random& random) {
  auto result = affine_is_equal(table, in, random);
  if (result)
    result = extremes_are_equal(table, in, random);
  return result;
}

template <typename T>
testing::AssertionResult sums_are_equal(const Table& table, int64_t n, int64_t shift, int num_bits,
                                        Random& random) {
  const Inputs<T> in(uniform_panel(n), shift, num_bits, random);
  Buffer<T> gradient(n, 0), finite_data(n, shift);
  for (int64_t i = 0; i < n; ++i) {
    gradient[i] = of_bits<T>(random());
    finite_data[i] = finite(in.data[i]);
  }
  const Candidates<Arithmetic<T>> grids(random.integer(0, 3), 0, num_bits, random);
  auto result = backward_is_equal(table, in, gradient);
  if (result)
    result = sum_of_squares_is_equal(table, finite_data);
  if (result)
    result = squared_errors_are_equal(table, finite_data, grids, shift);
  return result;
}

template <typename T>
class RandomBitPatterns : public testing::Test {};
TYPED_TEST_SUITE(RandomBitPatterns, NumberTypes);

TYPED_TEST(RandomBitPatterns, EqualTheReference) {
  SCOPED_TRACE("FF_SEED=" + std::to_string(chosen_seed()));
  for_each_table([](const Table& table) {
    if (std::string(table.isa) == "scalar")
      return;  // is the reference
    Random random(chosen_seed());
    for (int64_t done = 0; done < kPatterns;) {
      const auto num_bits = static_cast<int>(random.integer(1, 16));
      const int64_t shift = random.integer(-1, 8);
      Inputs<TypeParam> in(random_panel(random), shift, num_bits, random);
      if (random() % 2 == 0) {
        for (int64_t i = 0; i < in.size(); ++i)
          in.data[i] = of_bits<TypeParam>(random());
      }
      ASSERT_TRUE(all_are_equal(table, in, random));
      ASSERT_TRUE(
          sums_are_equal<TypeParam>(table, in.size(), random.integer(-1, 8), num_bits, random));
      done += in.size();
    }
  });
}

TEST(RandomBitPatternsOfCodes, EqualTheReference) {
  SCOPED_TRACE("FF_SEED=" + std::to_string(chosen_seed()));
  for_each_table([](const Table& table) {
    Random random(chosen_seed());
    for (int64_t done = 0; done < kPatterns;) {
      const int64_t n = random.integer(0, 4096), shift = random.integer(-1, 8);
      Buffer<int8_t> entries(256, shift), codes(n, random.integer(-1, 8));
      Buffer<uint8_t> packed((n + 1) / 2, random.integer(-1, 8));
      for (int i = 0; i < 256; ++i)
        entries[i] = static_cast<int8_t>(random());
      for (int64_t i = 0; i < n; ++i) {
        codes[i] = static_cast<int8_t>(random());
        packed[i / 2] = static_cast<uint8_t>(random());
      }
      ASSERT_TRUE(lookup_is_equal(table, codes, entries, shift));
      ASSERT_TRUE(pack_is_equal(table, codes, shift));
      ASSERT_TRUE(unpack_is_equal(table, packed, n, shift));
      done += n;
    }
  });
}

}  // namespace
}  // namespace ff::kernels
