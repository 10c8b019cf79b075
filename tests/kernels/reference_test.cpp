#include "kernels/reference.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <vector>

namespace {

namespace reference = ff::kernels::reference;

template <typename T>
class Reference : public testing::Test {};
using Types = testing::Types<float, double>;
TYPED_TEST_SUITE(Reference, Types);

// 4-bit codes of `data`, one scale and z for all.
template <typename T>
std::vector<int> codes_of(const std::vector<T>& data, T scale, T z) {
  std::vector<int8_t> codes(data.size());
  reference::quantize<T, int8_t>(data.data(), codes.data(), static_cast<int64_t>(data.size()),
                                 &scale, &z, 0, T{-8}, T{7});
  return {codes.begin(), codes.end()};
}

TYPED_TEST(Reference, HalvesRoundToEven) {
  using T = TypeParam;
  EXPECT_EQ(codes_of<T>({0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 3.5}, 1, 0),
            (std::vector<int>{0, 2, 2, 0, -2, -2, 4}));
}

TYPED_TEST(Reference, CodesAreClamped) {
  using T = TypeParam;
  const T infinity = std::numeric_limits<T>::infinity(), largest = std::numeric_limits<T>::max();
  EXPECT_EQ(codes_of<T>({7.4, 7.5, 100, -8.4, -9, infinity, -infinity, largest, -largest}, 1, 0),
            (std::vector<int>{7, 7, 7, -8, -8, 7, -8, 7, -8}));
}

TYPED_TEST(Reference, NanGetsTheCodeOfZero) {
  using T = TypeParam;
  const T nan = std::numeric_limits<T>::quiet_NaN();
  EXPECT_EQ(codes_of<T>({nan}, 0.5, 0), std::vector<int>{0});
  EXPECT_EQ(codes_of<T>({nan}, 0.5, 3), std::vector<int>{-3});
  EXPECT_EQ(codes_of<T>({nan}, 0.5, -100), std::vector<int>{7}) << "value 0 is outside the grid";
}

TYPED_TEST(Reference, SubnormalsAndNegativeZero) {
  using T = TypeParam;
  const T tiny = std::numeric_limits<T>::denorm_min();
  EXPECT_EQ(codes_of<T>({tiny, -tiny, T{-0.0}}, 1, 0), (std::vector<int>{0, 0, 0}));
  EXPECT_EQ(codes_of<T>({3 * tiny, -2 * tiny}, tiny, 0), (std::vector<int>{3, -2}));
}

TYPED_TEST(Reference, ParametersFollowTheirStride) {
  using T = TypeParam;
  const std::vector<T> data{1, 1, 1}, scale{1, -1, 0.5, -1, 0.25}, z{0, 9, 1, 9, 0};
  std::vector<int16_t> codes(3);
  reference::quantize<T, int16_t>(data.data(), codes.data(), 3, scale.data(), z.data(), 2, -32768,
                                  32767);
  EXPECT_EQ(codes, (std::vector<int16_t>{1, 1, 4}));
  std::vector<T> values(3);
  reference::dequantize<T, int16_t>(codes.data(), values.data(), 3, scale.data(), z.data(), 2);
  EXPECT_EQ(values, (std::vector<T>{1, 1, 1}));
}

TYPED_TEST(Reference, DequantizeAddsBeforeItMultiplies) {
  using T = TypeParam;
  const T scale = T(0.1), z = 3;
  const std::vector<int8_t> codes{7, -8};
  std::vector<T> values(2);
  reference::dequantize<T, int8_t>(codes.data(), values.data(), 2, &scale, &z, 0);
  EXPECT_EQ(values, (std::vector<T>{T(10) * T(0.1), T(-5) * T(0.1)}));
}

TYPED_TEST(Reference, BackwardByHand) {
  using T = TypeParam;
  const T nan = std::numeric_limits<T>::quiet_NaN();
  // Positions x / 0.5 - 1: 0.5 (inside), 9 (above 7), -13 (below -8), NaN taken as value 0, -1.
  const std::vector<T> data{0.75, 5, -6, nan}, gradient{2, 3, 5, 7};
  std::vector<T> data_gradient(4);
  double sums[2];
  reference::backward<T>(data.data(), gradient.data(), data_gradient.data(), 4, 0.5, 1, -8, 7,
                         sums);
  EXPECT_EQ(data_gradient, (std::vector<T>{2, 0, 0, 0}));
  // 2 * (0 - 0.5) + 3 * (7 + 1) + 5 * (-8 + 1) + 7 * 0, and (3 + 5) * 0.5
  EXPECT_EQ(sums[0], -1 + 24 - 35);
  EXPECT_EQ(sums[1], 4);
}

TYPED_TEST(Reference, BackwardSumsInEightLanesAndATree) {
  using T = TypeParam;
  // Everything is clipped above, z = 0, high = 1: the terms of the scale are the gradients.
  // 2^60 and 1 cannot be added exactly, so that the order shows.
  const T big = std::ldexp(T{1}, 60);
  std::vector<T> gradient{big, 1, 3, 5, -big, 7, 9, 11, 13, 17};
  const std::vector<T> data(gradient.size(), 100);
  std::vector<T> data_gradient(gradient.size());
  double sums[2];
  reference::backward<T>(data.data(), gradient.data(), data_gradient.data(),
                         static_cast<int64_t>(gradient.size()), 1, 0, -1, 1, sums);
  // Lane 0 is 2^60 + 13, which rounds to 2^60; lane 1 is 1 + 17.
  EXPECT_EQ(sums[0], ((0.0) + (3 + 9)) + ((18.0 + 7) + (5 + 11)));
  EXPECT_EQ(sums[0], sums[1]) << "the scale is 1";
}

TYPED_TEST(Reference, NothingForNoElements) {
  using T = TypeParam;
  double sums[2] = {5, 5};
  const T one = 1;
  T out = 3;
  reference::backward<T>(&one, &one, &out, 0, 1, 0, -8, 7, sums);
  EXPECT_EQ(sums[0], 0);
  EXPECT_EQ(sums[1], 0);
  EXPECT_EQ(out, 3);
}

}  // namespace
