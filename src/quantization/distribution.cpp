#include "quantization/distribution.h"

#include <algorithm>
#include <cmath>
#include <type_traits>

namespace ff {
namespace {

constexpr int kNumberBits = 21;
// Groups of 16 numbers on average; at most 2^14, whose moments the caches hold.
constexpr int64_t kGroupSize = 16, kLeastGroups = 64, kMostGroups = 1 << 14;
static_assert(Distribution::kCapacity / kGroupSize <= kMostGroups,
              "the distances inside a group must add up in 31 bits");

// For |x| <= 2^21, to nearest even: adding 1.5 * 2^23, or 1.5 * 2^52, leaves no bits for fractions.
template <typename P>
P nearest_integer(P x) {
  constexpr P kNoFraction = std::is_same_v<P, float> ? P{0x1.8p23} : P{0x1.8p52};
  return (x + kNoFraction) - kNoFraction;
}

}  // namespace

template <typename P>
void Distribution::assign(std::span<const P> numbers, P largest) {
  // Below 2^-100 squares are no floats.
  constexpr int kLeastExponent = -100;
  const int exponent = largest > 0 ? std::max(std::ilogb(largest) + 1, kLeastExponent) : 0;
  unit_ = std::ldexp(1.0, exponent - kNumberBits);
  const P factor = std::ldexp(P{1}, kNumberBits - exponent);
  const auto n = static_cast<int64_t>(numbers.size());
  numbers_.resize(n);
  int32_t least = (1 << kNumberBits) + 1, greatest = -least;
  for (int64_t i = 0; i < n; ++i) {
    const auto y = static_cast<int32_t>(nearest_integer(numbers[i] * factor));
    numbers_[i] = y;
    least = std::min(least, y);
    greatest = std::max(greatest, y);
  }
  least_ = least;
  greatest_ = greatest;
  sum_of_squares_ = 0;
  for (const int32_t y : numbers_)
    sum_of_squares_ += static_cast<int64_t>(y) * y;
  group();
}

template void Distribution::assign(std::span<const float>, float);
template void Distribution::assign(std::span<const double>, double);

// A counting sort, but only by group.
void Distribution::group() {
  const auto n = static_cast<int64_t>(numbers_.size());
  const int64_t most = std::clamp(n / kGroupSize, kLeastGroups, kMostGroups);
  const int32_t least = least_;
  int shift = 0;
  while (((greatest_ - least) >> shift) >= most)
    ++shift;
  shift_ = shift;
  const int64_t groups = ((greatest_ - least) >> shift) + 1;
  // begin_[g + 1] is where the next number of group g goes, at the end where the group ends.
  begin_.assign(groups + 2, 0);
  for (const int32_t y : numbers_)
    ++begin_[((y - least) >> shift) + 2];
  largest_group_ = *std::max_element(begin_.begin(), begin_.end());
  for (int64_t g = 2; g <= groups + 1; ++g)
    begin_[g] += begin_[g - 1];
  grouped_.resize(n);
  for (const int32_t y : numbers_)
    grouped_[begin_[((y - least) >> shift) + 1]++] = y;
  begin_.pop_back();
  sums_before_.resize(groups + 1);
  int64_t sum = 0;
  for (int64_t g = 0; g < groups; ++g) {
    sums_before_[g] = sum;
    for (int32_t i = begin_[g]; i < begin_[g + 1]; ++i)
      sum += grouped_[i];
  }
  sums_before_[groups] = sum;
}

Moments Distribution::below(double threshold) const {
  if (!(threshold > least_))
    return {};
  if (threshold > greatest_)
    return all();
  const auto end = static_cast<int32_t>(std::ceil(threshold));
  const int64_t g = (end - least_) >> shift_;
  const auto first = least_ + static_cast<int32_t>(g << shift_);
  int32_t sum = 0;  // of the distances from `first`
  const int32_t count =
      sum_below_(&grouped_[begin_[g]], begin_[g + 1] - begin_[g], first, end, &sum);
  return {int64_t{begin_[g]} + count, sums_before_[g] + sum + int64_t{count} * first};
}

double Distribution::steps(double step) const {
  return static_cast<double>(largest_group_) * static_cast<double>(int64_t{1} << shift_) / step;
}

}  // namespace ff
