#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "kernels/reference.h"

// backward, the reductions, squared errors and the kernels of codes, by hand.
namespace {

namespace reference = ff::kernels::reference;
using ff::kernels::Panel;
using ff::kernels::uniform_panel;

template <typename T>
class ReferenceSums : public testing::Test {};
using Types = testing::Types<float, double>;
TYPED_TEST_SUITE(ReferenceSums, Types);

template <typename T>
int64_t size_of(const std::vector<T>& data) {
  return static_cast<int64_t>(data.size());
}

TYPED_TEST(ReferenceSums, BackwardByHand) {
  using T = TypeParam;
  const T nan = std::numeric_limits<T>::quiet_NaN();
  // Positions x / 0.5 - 1: 0.5 (inside), 9 (above 7), -13 (below -8), NaN taken as value 0, -1.
  const std::vector<T> data{0.75, 5, -6, nan}, gradient{2, 3, 5, 7};
  std::vector<T> data_gradient(4);
  double sums[2];
  reference::backward<T>(data.data(), gradient.data(), data_gradient.data(), 4, 0.5, 1, -8, 7, sums,
                         false);
  EXPECT_EQ(data_gradient, (std::vector<T>{2, 0, 0, 0}));
  // 2 * (0 - 0.5) + 3 * (7 + 1) + 5 * (-8 + 1) + 7 * 0, and (3 + 5) * 0.5
  EXPECT_EQ(sums[0], -1 + 24 - 35);
  EXPECT_EQ(sums[1], 4);
}

TYPED_TEST(ReferenceSums, BackwardDecidesAfterRounding) {
  using T = TypeParam;
  // 7.4 rounds to 7 and is inside, 7.5 to 8; -8.5 rounds to -8, -8.6 to -9.
  const std::vector<T> data{T(7.4), 7.5, -8.5, T(-8.6)}, gradient{1, 1, 1, 1};
  std::vector<T> data_gradient(4);
  double sums[2];
  reference::backward<T>(data.data(), gradient.data(), data_gradient.data(), 4, 1, 0, -8, 7, sums,
                         false);
  EXPECT_EQ(data_gradient, (std::vector<T>{1, 0, 1, 0}));
}

TYPED_TEST(ReferenceSums, BackwardSumsInEightLanesAndATree) {
  using T = TypeParam;
  // Everything is clipped above, z = 0, high = 1: the terms of the scale are the gradients.
  // 2^60 and 1 cannot be added exactly, so that the order shows.
  const T big = std::ldexp(T{1}, 60);
  std::vector<T> gradient{big, 1, 3, 5, -big, 7, 9, 11, 13, 17};
  const std::vector<T> data(gradient.size(), 100);
  std::vector<T> data_gradient(gradient.size());
  double sums[2];
  reference::backward<T>(data.data(), gradient.data(), data_gradient.data(), size_of(gradient), 1,
                         0, -1, 1, sums, false);
  // Lane 0 is 2^60 + 13, which rounds to 2^60; lane 1 is 1 + 17.
  EXPECT_EQ(sums[0], ((0.0) + (3 + 9)) + ((18.0 + 7) + (5 + 11)));
  EXPECT_EQ(sums[0], sums[1]) << "the scale is 1";
}

TYPED_TEST(ReferenceSums, BackwardOfNoElements) {
  using T = TypeParam;
  double sums[2] = {5, 5};
  const T one = 1;
  T out = 3;
  reference::backward<T>(&one, &one, &out, 0, 1, 0, -8, 7, sums, false);
  EXPECT_EQ(sums[0], 0);
  EXPECT_EQ(sums[1], 0);
  EXPECT_EQ(out, 3);
}

TYPED_TEST(ReferenceSums, MinMaxWidensWhatIsKnown) {
  using T = TypeParam;
  const std::vector<T> data{3, -2, 1, 7, 0, 0};
  T min[] = {-1, -5, 100}, max[] = {1, 2, -100};
  EXPECT_TRUE(reference::min_max<T>(data.data(), {3, 2, 1, 0}, min, max));
  EXPECT_EQ((std::vector<T>(min, min + 3)), (std::vector<T>{-2, -5, 0}));
  EXPECT_EQ((std::vector<T>(max, max + 3)), (std::vector<T>{3, 7, 0}));
}

TYPED_TEST(ReferenceSums, MaxAbsPerColumn) {
  using T = TypeParam;
  const std::vector<T> data{3, -2, 1, -7, 0, 0};
  T max[] = {0, 0};
  EXPECT_TRUE(reference::max_abs<T>(data.data(), {3, 2, 0, 1}, max));
  EXPECT_EQ(max[0], 3);
  EXPECT_EQ(max[1], 7);
}

TYPED_TEST(ReferenceSums, ExtremesRefuseWhatIsNotFinite) {
  using T = TypeParam;
  using Limits = std::numeric_limits<T>;
  for (const T bad : {Limits::quiet_NaN(), Limits::infinity(), -Limits::infinity()}) {
    for (int at = 0; at < 3; ++at) {
      std::vector<T> data{1, 2, 3};
      data[at] = bad;
      T min = 0, max = 0;
      EXPECT_FALSE(reference::min_max<T>(data.data(), uniform_panel(3), &min, &max)) << bad << at;
      EXPECT_FALSE(reference::max_abs<T>(data.data(), uniform_panel(3), &max)) << bad << at;
    }
  }
  const T ends[] = {Limits::max(), Limits::lowest(), Limits::denorm_min()};
  T min = 0, max = 0;
  EXPECT_TRUE(reference::min_max<T>(ends, uniform_panel(3), &min, &max));
  EXPECT_EQ(min, Limits::lowest());
  EXPECT_EQ(max, Limits::max());
}

TYPED_TEST(ReferenceSums, SumOfSquaresIsDouble) {
  using T = TypeParam;
  // Lane 0 has 2^60 and 64, which is less than half a unit of it. The others are exact.
  const T big = std::ldexp(T{1}, 30);
  const std::vector<T> data{big, 1, 2, 3, 0, 0, 0, 0, 8};
  EXPECT_EQ(reference::sum_of_squares<T>(data.data(), size_of(data)),
            ((0x1p60 + 64) + 4) + (1.0 + 9));
  EXPECT_EQ(reference::sum_of_squares<T>(data.data(), 0), 0);
  const std::vector<T> third{T(1) / 3};
  EXPECT_EQ(reference::sum_of_squares<T>(third.data(), 1),
            static_cast<double>(third[0]) * static_cast<double>(third[0]));
}

TYPED_TEST(ReferenceSums, SquaredErrorsOfEachCandidate) {
  using T = TypeParam;
  const std::vector<T> data{0.25, 1.75, 20, -20}, scale{1, 2}, z{0, 1};
  double errors[2];
  reference::squared_errors<T>(data.data(), 4, 2, scale.data(), z.data(), -8, 7, errors);
  // Scale 1: values 0, 2, 7, -8. Scale 2, z 1: codes -1, 0, 7, -8, values 0, 2, 16, -14.
  EXPECT_EQ(errors[0], 0.0625 + 0.0625 + 169 + 144);
  EXPECT_EQ(errors[1], 0.0625 + 0.0625 + 16 + 36);
}

TEST(ReferenceSumsOfFloats, SquaredErrorsAreFloatsFor256ElementsAtATime) {
  // Only value 0 on the grid (bits = 1, z = 0: codes -1 and 0, data >= 0): the errors are x^2.
  const float scale = 1e6f, z = 0;
  const auto error_of = [&](const std::vector<float>& data) {
    double error = 0;
    reference::squared_errors<float>(data.data(), size_of(data), 1, &scale, &z, -1, 0, &error);
    return error;
  };
  std::vector<float> data(17, 0.0f);
  data[0] = 4096;  // 2^24
  data[16] = 1;
  EXPECT_EQ(error_of(data), 0x1p24) << "element 16 is in the lane of element 0: 2^24 + 1 in float";
  data[16] = 0;
  data[15] = 1;
  EXPECT_EQ(error_of(data), 0x1p24 + 1) << "another lane";
  data.resize(257, 0.0f);
  data[15] = 0;
  data[256] = 1;
  EXPECT_EQ(error_of(data), 0x1p24 + 1) << "another run";
}

TEST(ReferenceSumsOfFloats, SquaredErrorsAddLanesEightApartFirst) {
  const float scale = 1e30f, z = 0;
  // Squares: 2^106 in lane 0, and 2^53 in lane 8, which is half a unit of it: it is lost, and it is
  // not lost where both lanes 8 and 9 have it.
  std::vector<float> data(16, 0.0f);
  const float big = 0x1p53f, small = 0x1p26f * 1.41421354f;
  data[0] = big;
  data[8] = small;
  data[9] = small;
  double error = 0;
  reference::squared_errors<float>(data.data(), 16, 1, &scale, &z, -1, 0, &error);
  const double part = static_cast<double>(small * small);
  EXPECT_EQ(error, (0x1p106 + part) + part);
}

TEST(ReferenceCodes, LookupByCode) {
  std::vector<int8_t> table(256);
  for (int i = 0; i < 256; ++i)
    table[i] = static_cast<int8_t>(127 - i);  // of code c: -c - 1
  const std::vector<int8_t> codes{-128, -1, 0, 127};
  std::vector<int8_t> results(4);
  reference::lookup_int8(codes.data(), table.data(), results.data(), 4);
  EXPECT_EQ(results, (std::vector<int8_t>{127, 0, -1, -128}));
}

TEST(ReferenceCodes, TwoCodesAByteTheFirstBelow) {
  const std::vector<int8_t> codes{1, -1, -8, 7, 3};
  std::vector<uint8_t> packed(3);
  reference::pack_int4(codes.data(), packed.data(), 5);
  EXPECT_EQ(packed, (std::vector<uint8_t>{0xf1, 0x78, 0x03}));
  std::vector<int8_t> back(5);
  reference::unpack_int4(packed.data(), back.data(), 5);
  EXPECT_EQ(back, codes);
}

}  // namespace
