#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string>

#include "kernels/inputs.h"
#include "kernels/reference.h"
#include "kernels/table.h"

// min_max and max_abs of a table against reference.h. The sign of zero is open.
namespace ff::kernels {

/// Fails where numbers are not equal.
template <typename P>
testing::AssertionResult equal_numbers(const std::string& what, const Buffer<P>& got,
                                       const Buffer<P>& expected) {
  for (int64_t j = 0; j < got.size(); ++j) {
    if (!(got[j] == expected[j])) {
      return testing::AssertionFailure() << what << ": number " << j << " is " << text_of(got[j])
                                         << ", the reference " << text_of(expected[j]);
    }
  }
  return testing::AssertionSuccess();
}

/// min and max before: of each parameter infinite, or a number near 0.
template <typename P>
void fill_extremes(Random& random, Buffer<P>& min, Buffer<P>& max) {
  constexpr P kInfinity = std::numeric_limits<P>::infinity();
  for (int64_t j = 0; j < min.size(); ++j) {
    const bool fresh = random() % 2 == 0;
    min[j] = fresh ? kInfinity : static_cast<P>(random.fraction());
    max[j] = fresh ? -kInfinity : min[j];
  }
}

/// Uses panel and data of `in`.
template <typename T>
testing::AssertionResult extremes_are_equal(const Table& table, const Inputs<T>& in,
                                            Random& random) {
  using P = Arithmetic<T>;
  const int64_t count = in.scale.size(), shift = random() % 2 == 0 ? 1 : kAtEnd;
  Buffer<P> min(count, shift), max(count, shift), greatest(count, shift);
  fill_extremes(random, min, max);
  greatest.copy_from(max);
  Buffer<P> expected_min(count, 0), expected_max(count, 0), expected_greatest(count, 0);
  expected_min.copy_from(min);
  expected_max.copy_from(max);
  expected_greatest.copy_from(max);

  const T* data = in.data.data();
  const bool finite =
      reference::min_max<T>(data, in.panel, expected_min.data(), expected_max.data());
  reference::max_abs<T>(data, in.panel, expected_greatest.data());
  const Entries<T>& entries = kernels::entries<T>(table);
  if (entries.min_max(data, in.panel, min.data(), max.data()) != finite)
    return testing::AssertionFailure() << "min_max: " << in.text() << ": finite is " << finite;
  if (entries.max_abs(data, in.panel, greatest.data()) != finite)
    return testing::AssertionFailure() << "max_abs: " << in.text() << ": finite is " << finite;
  if (!min.guards_stand() || !max.guards_stand() || !greatest.guards_stand())
    return testing::AssertionFailure() << "min_max, max_abs: " << in.text() << ": written outside";
  if (!finite)
    return testing::AssertionSuccess();
  auto result = equal_numbers("min_max, min: " + in.text(), min, expected_min);
  if (result)
    result = equal_numbers("min_max, max: " + in.text(), max, expected_max);
  if (result)
    result = equal_numbers("max_abs: " + in.text(), greatest, expected_greatest);
  return result;
}

}  // namespace ff::kernels
