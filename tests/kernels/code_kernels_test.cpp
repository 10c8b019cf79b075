#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <iterator>

#include "kernels/chosen_tables.h"
#include "kernels/code_equality.h"
#include "kernels/inputs.h"
#include "kernels/samples.h"
#include "kernels/table.h"

// Table lookup, packing and unpacking of every table.
namespace ff::kernels {
namespace {

/// Any bytes: also those that are no codes of 4 bits.
template <typename T>
void fill(Buffer<T>& bytes, Random& random) {
  for (int64_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<T>(random());
}

/// Calls body(n, shift) for all sizes up to three vectors, those of kSizes, and a big one.
template <typename Body>
void for_each_size(const Body& body) {
  for (const int64_t shift : kShifts) {
    for (int64_t n = 0; n <= 200; ++n)
      body(n, shift);
    for (const int64_t n : kSizes)
      body(n, shift);
    body(kBig, shift);
  }
}

TEST(CodeKernels, LookupInt8) {
  for_each_table([](const Table& table) {
    Random random(41);
    for_each_size([&](int64_t n, int64_t shift) {
      Buffer<int8_t> entries(256, shift), codes(n, shift);
      fill(entries, random);
      fill(codes, random);
      ASSERT_TRUE(lookup_is_equal(table, codes, entries, shift));
    });
  });
}

TEST(CodeKernels, LookupInt8OfEveryCodeAtEveryPlace) {
  for_each_table([](const Table& table) {
    Random random(42);
    Buffer<int8_t> entries(256, 0), codes(256, 0);
    fill(entries, random);
    for (int first = 0; first < 256; ++first) {
      for (int i = 0; i < 256; ++i)
        codes[i] = static_cast<int8_t>(first + i);
      ASSERT_TRUE(lookup_is_equal(table, codes, entries, 0));
    }
  });
}

TEST(CodeKernels, PackInt4) {
  for_each_table([](const Table& table) {
    Random random(43);
    for_each_size([&](int64_t n, int64_t shift) {
      Buffer<int8_t> codes(n, shift);
      fill(codes, random);
      ASSERT_TRUE(pack_is_equal(table, codes, shift));
    });
  });
}

TEST(CodeKernels, UnpackInt4) {
  for_each_table([](const Table& table) {
    Random random(44);
    for_each_size([&](int64_t n, int64_t shift) {
      Buffer<uint8_t> packed((n + 1) / 2, shift);
      fill(packed, random);
      ASSERT_TRUE(unpack_is_equal(table, packed, n, shift));
    });
  });
}

TEST(CodeKernels, UnpackedIsWhatWasPacked) {
  for_each_table([](const Table& table) {
    Random random(45);
    for (const int64_t n : kSizes) {
      Buffer<int8_t> codes(n, 1), back(n, 3);
      Buffer<uint8_t> packed((n + 1) / 2, 1);
      for (int64_t i = 0; i < n; ++i)
        codes[i] = static_cast<int8_t>(random.integer(-8, 7));
      table.codes.pack_int4(codes.data(), packed.data(), n);
      table.codes.unpack_int4(packed.data(), back.data(), n);
      EXPECT_EQ(back.first_difference(codes), -1);
    }
  });
}

TEST(CodeKernels, SumBelow) {
  for_each_table([](const Table& table) {
    Random random(46);
    for_each_size([&](int64_t n, int64_t shift) {
      const auto first = static_cast<int32_t>(random.integer(-(1 << 21), 1 << 20));
      const int64_t most = n == 0 ? 0 : std::min<int64_t>(1 << 22, INT32_MAX / n);
      const int64_t width = random.integer(0, most);
      Buffer<int32_t> numbers(n, shift);
      for (int64_t i = 0; i < n; ++i)
        numbers[i] = first + static_cast<int32_t>(random.integer(0, width));
      for (const int64_t end : {int64_t{0}, int64_t{1}, width / 2, width, width + 1}) {
        ASSERT_TRUE(
            sums_below_are_equal(table, numbers, first, first + static_cast<int32_t>(end), shift));
      }
    });
  });
}

}  // namespace
}  // namespace ff::kernels
