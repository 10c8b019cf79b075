#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/table.h"

namespace ff {

/// How many integers there are, and their sum.
struct Moments {
  int64_t count = 0;
  int64_t sum = 0;
};

/// Finite numbers as integers y = round_half_even(x / unit()), grouped by size, so that the moments
/// of all below a threshold cost a few steps instead of one for each number.
///
/// All sums are sums of integers: their order does not matter. docs/numerics.md says what is
/// rounded, docs/performance.md what it saves.
class Distribution {
 public:
  /// Numbers at most: so many squares of 42 bits add up in 64 bits.
  static constexpr int64_t kCapacity = int64_t{1} << 18;

  explicit Distribution(const kernels::Table& table) : sum_below_(table.codes.sum_below) {}

  /// Takes new numbers in the place of the old ones: at least one, finite, |x| <= `largest`.
  template <typename P>
  void assign(std::span<const P> numbers, P largest);

  /// What an integer of 1 stands for: a power of two, 2^-21 to 2^-20 of `largest`.
  double unit() const {
    return unit_;
  }
  /// Moments of all numbers.
  Moments all() const {
    return {static_cast<int64_t>(numbers_.size()), sums_before_.back()};
  }
  /// Sum of the squares of all numbers.
  int64_t sum_of_squares() const {
    return sum_of_squares_;
  }
  /// Moments of the numbers y < threshold.
  Moments below(double threshold) const;
  /// At most about so many numbers are looked at for all thresholds that lie `step` units apart and
  /// in one group.
  double steps(double step) const;

 private:
  void group();

  decltype(kernels::CodeEntries::sum_below) sum_below_;
  double unit_ = 1;
  int64_t sum_of_squares_ = 0;
  int32_t least_ = 0, greatest_ = 0;
  int shift_ = 0;  // y belongs to group (y - least_) >> shift_
  int64_t largest_group_ = 0;
  std::vector<int32_t> numbers_;      // in the order of the data
  std::vector<int32_t> grouped_;      // group by group
  std::vector<int32_t> begin_;        // of each group in grouped_, and the end of the last
  std::vector<int64_t> sums_before_;  // of the numbers before each group, and of all
};

}  // namespace ff
