#pragma once

#include <gtest/gtest.h>

#include <cstdint>

#include "kernels/buffers.h"
#include "kernels/reference.h"
#include "kernels/table.h"

// lookup_int8, pack_int4, unpack_int4 and sum_below of a table against reference.h.
namespace ff::kernels {

template <typename Out>
testing::AssertionResult equal_codes(const char* kernel, const Buffer<Out>& got,
                                     const Buffer<Out>& expected) {
  const int64_t i = got.first_difference(expected);
  if (i >= 0) {
    return testing::AssertionFailure() << kernel << ", n = " << got.size() << ": element " << i
                                       << " is " << +got[i] << ", the reference " << +expected[i];
  }
  if (!got.guards_stand())
    return testing::AssertionFailure() << kernel << ": written outside of the output";
  return testing::AssertionSuccess();
}

/// `entries` has 256 elements.
inline testing::AssertionResult lookup_is_equal(const Table& table, const Buffer<int8_t>& codes,
                                                const Buffer<int8_t>& entries, int64_t shift) {
  Buffer<int8_t> got(codes.size(), shift), expected(codes.size(), 0);
  table.codes.lookup_int8(codes.data(), entries.data(), got.data(), codes.size());
  reference::lookup_int8(codes.data(), entries.data(), expected.data(), codes.size());
  return equal_codes("lookup_int8", got, expected);
}

inline testing::AssertionResult pack_is_equal(const Table& table, const Buffer<int8_t>& codes,
                                              int64_t shift) {
  const int64_t bytes = (codes.size() + 1) / 2;
  Buffer<uint8_t> got(bytes, shift), expected(bytes, 0);
  table.codes.pack_int4(codes.data(), got.data(), codes.size());
  reference::pack_int4(codes.data(), expected.data(), codes.size());
  return equal_codes("pack_int4", got, expected);
}

/// n codes of (n + 1) / 2 bytes.
inline testing::AssertionResult unpack_is_equal(const Table& table, const Buffer<uint8_t>& packed,
                                                int64_t n, int64_t shift) {
  Buffer<int8_t> got(n, shift), expected(n, 0);
  table.codes.unpack_int4(packed.data(), got.data(), n);
  reference::unpack_int4(packed.data(), expected.data(), n);
  return equal_codes("unpack_int4", got, expected);
}

/// `numbers` are at least `first`, and their distances from it add up in 31 bits.
inline testing::AssertionResult sums_below_are_equal(const Table& table,
                                                     const Buffer<int32_t>& numbers, int32_t first,
                                                     int32_t end, int64_t shift) {
  Buffer<int32_t> got(2, shift), expected(2, 0);
  got[1] = table.codes.sum_below(numbers.data(), numbers.size(), first, end, got.data());
  expected[1] = reference::sum_below(numbers.data(), numbers.size(), first, end, expected.data());
  return equal_codes("sum_below", got, expected);
}

}  // namespace ff::kernels
