#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string>

#include "kernels/inputs.h"
#include "kernels/reference.h"
#include "kernels/table.h"

// backward, sum_of_squares and squared_errors of a table against reference.h, bit for bit.
namespace ff::kernels {

/// Fails where sums differ; `what` names kernel and input.
inline testing::AssertionResult equal_sums(const std::string& what, const Buffer<double>& got,
                                           const Buffer<double>& expected) {
  const int64_t i = got.first_difference(expected);
  if (i >= 0) {
    return testing::AssertionFailure() << what << ": sum " << i << " is " << text_of(got[i])
                                       << ", the reference " << text_of(expected[i]);
  }
  if (!got.guards_stand())
    return testing::AssertionFailure() << what << ": written outside of the sums";
  return testing::AssertionSuccess();
}

/// `in` is a uniform panel of at most kSumBlock elements.
template <typename T>
testing::AssertionResult backward_is_equal(const Table& table, const Inputs<T>& in,
                                           const Buffer<T>& gradient, bool stream) {
  const int64_t n = in.size();
  Buffer<T> got(n, in.shift), expected(n, 0);
  Buffer<double> got_sums(2, in.shift), expected_sums(2, 0);
  entries<T>(table).backward(in.data.data(), gradient.data(), got.data(), n, in.scale[0], in.z[0],
                             in.low, in.high, got_sums.data(), stream);
  reference::backward<T>(in.data.data(), gradient.data(), expected.data(), n, in.scale[0], in.z[0],
                         in.low, in.high, expected_sums.data(), stream);
  const std::string what = stream ? "backward, stream" : "backward";
  const testing::AssertionResult result = equal(what, in, in.data, got, expected);
  return result ? equal_sums(what + ": " + in.text(0), got_sums, expected_sums) : result;
}

template <typename T>
testing::AssertionResult backward_is_equal(const Table& table, const Inputs<T>& in,
                                           const Buffer<T>& gradient) {
  const auto result = backward_is_equal(table, in, gradient, false);
  return result ? backward_is_equal(table, in, gradient, true) : result;
}

template <typename T>
testing::AssertionResult sum_of_squares_is_equal(const Table& table, const Buffer<T>& data) {
  Buffer<double> got(1, 0), expected(1, 0);
  got[0] = entries<T>(table).sum_of_squares(data.data(), data.size());
  expected[0] = reference::sum_of_squares<T>(data.data(), data.size());
  return equal_sums("sum_of_squares, n = " + std::to_string(data.size()), got, expected);
}

/// Scale and offset of many grids.
template <typename P>
struct Candidates {
  P low, high;
  Buffer<P> scale, z;

  Candidates(int64_t n, int64_t shift, int num_bits)
      : low(lowest_code<P>(num_bits)),
        high(highest_code<P>(num_bits)),
        scale(n, shift),
        z(n, shift) {}
  Candidates(int64_t n, int64_t shift, int num_bits, Random& random)
      : Candidates(n, shift, num_bits) {
    for (int64_t c = 0; c < n; ++c) {
      scale[c] = random_scale<P>(random);
      z[c] = random_offset<P>(random, low, high);
    }
  }
};

/// The data is finite, and at most kSumBlock elements.
template <typename T>
testing::AssertionResult squared_errors_are_equal(const Table& table, const Buffer<T>& data,
                                                  const Candidates<Arithmetic<T>>& candidates,
                                                  int64_t shift) {
  const int64_t count = candidates.scale.size();
  Buffer<double> got(count, shift), expected(count, 0);
  entries<T>(table).squared_errors(data.data(), data.size(), count, candidates.scale.data(),
                                   candidates.z.data(), candidates.low, candidates.high,
                                   got.data());
  reference::squared_errors<T>(data.data(), data.size(), count, candidates.scale.data(),
                               candidates.z.data(), candidates.low, candidates.high,
                               expected.data());
  std::string what = "squared_errors, n = " + std::to_string(data.size());
  const int64_t bad = got.first_difference(expected);
  if (bad >= 0) {
    what += ", codes " + std::to_string(candidates.low) + " to " + std::to_string(candidates.high) +
            ", scale " + text_of(candidates.scale[bad]) + ", z " + text_of(candidates.z[bad]);
  }
  return equal_sums(what, got, expected);
}

/// x if it is finite, else another number.
template <typename T>
T finite(T x) {
  return widen(x) - widen(x) == 0 ? x : narrow<T>(Arithmetic<T>{-3});
}

}  // namespace ff::kernels
