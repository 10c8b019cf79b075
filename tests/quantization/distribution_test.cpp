#include "quantization/distribution.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <span>
#include <vector>

#include "quantization/cpu_memory.h"

namespace {

using ff::Distribution;
using ff::Moments;

template <typename P>
Distribution distribution_of(const std::vector<P>& numbers, P largest) {
  Distribution result(ff::kernel_table());
  result.assign(std::span<const P>(numbers), largest);
  return result;
}

// The moments of the numbers whose integers are below the threshold, by the definition.
template <typename P>
Moments naive_below(const std::vector<P>& numbers, double unit, double threshold) {
  Moments result;
  for (const P x : numbers) {
    const auto y = static_cast<int64_t>(std::nearbyint(static_cast<double>(x) / unit));
    if (static_cast<double>(y) < threshold) {
      ++result.count;
      result.sum += y;
    }
  }
  return result;
}

void expect_equal(const Moments& got, const Moments& expected) {
  EXPECT_EQ(got.count, expected.count);
  EXPECT_EQ(got.sum, expected.sum);
}

template <typename P>
std::vector<P> random_numbers(int64_t n, uint64_t seed, double outlier) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal;
  std::vector<P> numbers(n);
  for (P& x : numbers)
    x = static_cast<P>(normal(random));
  numbers[n / 2] = static_cast<P>(outlier);
  return numbers;
}

template <typename P>
P largest_of(const std::vector<P>& numbers) {
  P largest = 0;
  for (const P x : numbers)
    largest = std::max(largest, std::abs(x));
  return largest;
}

template <typename P>
class DistributionOf : public testing::Test {};
using Types = testing::Types<float, double>;
TYPED_TEST_SUITE(DistributionOf, Types);

TYPED_TEST(DistributionOf, MomentsBelowAnyThreshold) {
  uint64_t seed = 0;
  for (const int64_t n : {1, 2, 17, 1000, 5000, 100'000}) {
    for (const double outlier : {0.0, -7.0, 1e6}) {
      const auto numbers = random_numbers<TypeParam>(n, ++seed, outlier);
      const Distribution distribution = distribution_of(numbers, largest_of(numbers));
      SCOPED_TRACE(testing::Message() << n << " numbers, outlier " << outlier);
      expect_equal(distribution.all(), naive_below(numbers, distribution.unit(), HUGE_VAL));
      std::mt19937_64 random(seed);
      for (int i = 0; i < 40; ++i) {
        const double x = std::normal_distribution<double>()(random) * (i < 30 ? 1.0 : 1e6);
        const double threshold = x / distribution.unit();
        expect_equal(distribution.below(threshold),
                     naive_below(numbers, distribution.unit(), threshold));
      }
    }
  }
}

TYPED_TEST(DistributionOf, ThresholdsAtAndBesideTheIntegers) {
  const std::vector<TypeParam> numbers{-1, -0.5, 0, 0.25, 0.25, 1};
  const Distribution distribution = distribution_of(numbers, TypeParam{1});
  for (const TypeParam x : numbers) {
    for (const double beside : {-1.0, -0.5, 0.0, 0.5, 1.0}) {
      const double threshold = static_cast<double>(x) / distribution.unit() + beside;
      expect_equal(distribution.below(threshold),
                   naive_below(numbers, distribution.unit(), threshold));
    }
  }
  EXPECT_EQ(distribution.below(std::nan("")).count, 0);
  EXPECT_EQ(distribution.below(-HUGE_VAL).count, 0);
  EXPECT_EQ(distribution.below(HUGE_VAL).count, 6);
}

TYPED_TEST(DistributionOf, UnitIsAPowerOfTwoOfTheLargest) {
  EXPECT_EQ(distribution_of<TypeParam>({1, -3}, 3).unit(), std::ldexp(1.0, 2 - 21));
  EXPECT_EQ(distribution_of<TypeParam>({4}, 4).unit(), std::ldexp(1.0, 3 - 21));
  EXPECT_EQ(distribution_of<TypeParam>({0, 0}, 0).all().count, 2);
  // No factor that is infinite.
  const TypeParam tiny = std::numeric_limits<TypeParam>::denorm_min();
  EXPECT_EQ(distribution_of<TypeParam>({tiny}, tiny).all().sum, 0);
}

TEST(Distribution, RoundsToNearestEven) {
  // Units of 1: 2^21 is the largest.
  const Distribution distribution =
      distribution_of<float>({0.5F, 1.5F, 2.5F, -0.5F, -1.5F, 0x1p20F}, 0x1p20F);
  EXPECT_EQ(distribution.unit(), 1);
  EXPECT_EQ(distribution.below(1000).sum, 0 + 2 + 2 + 0 - 2);
}

TEST(Distribution, SumsOfSquaresAreExact) {
  // As many and as large as they can be: 2^18 numbers 2^21 - 1.
  constexpr int64_t kNumber = (1 << 21) - 1;
  const std::vector<float> largest(Distribution::kCapacity, static_cast<float>(kNumber));
  const Distribution distribution = distribution_of(largest, static_cast<float>(kNumber));
  EXPECT_EQ(distribution.unit(), 1);
  EXPECT_EQ(distribution.sum_of_squares(), Distribution::kCapacity * kNumber * kNumber);
  EXPECT_EQ(distribution.below(kNumber + 0.5).sum, Distribution::kCapacity * kNumber);
  EXPECT_EQ(distribution_of<double>({-3, 2, 0.25}, 3.0).sum_of_squares(),
            static_cast<int64_t>((9 + 4 + 0.0625) * 0x1p38));
}

TEST(Distribution, TakesNewNumbers) {
  Distribution distribution(ff::kernel_table());
  for (const int64_t n : {1000, 10, 3000}) {
    const auto numbers = random_numbers<float>(n, 5, 3);
    distribution.assign(std::span<const float>(numbers), largest_of(numbers));
    expect_equal(distribution.below(1000), naive_below(numbers, distribution.unit(), 1000));
  }
}

TEST(Distribution, StepsAreThoseOfTheLargestGroup) {
  const std::vector<float> equal(1000, 1.0F);
  // All in one group, one unit wide.
  EXPECT_EQ(distribution_of(equal, 1.0F).steps(0.5), 2000);
}

}  // namespace
