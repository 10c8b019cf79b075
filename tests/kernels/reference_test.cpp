#include "kernels/reference.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

// The norm itself, by hand. reference_sums_test.cpp has the rest of it.
namespace {

namespace reference = ff::kernels::reference;
using ff::kernels::Panel;
using ff::kernels::uniform_panel;

template <typename T>
class Reference : public testing::Test {};
using Types = testing::Types<float, double>;
TYPED_TEST_SUITE(Reference, Types);

template <typename T>
Panel panel_of(const std::vector<T>& data) {
  return uniform_panel(static_cast<int64_t>(data.size()));
}

// 4-bit codes of `data`, one scale and z for all.
template <typename T>
std::vector<int> codes_of(const std::vector<T>& data, T scale, T z) {
  std::vector<int8_t> codes(data.size());
  reference::quantize<T, int8_t>(data.data(), codes.data(), panel_of(data), &scale, &z, T{-8},
                                 T{7});
  return {codes.begin(), codes.end()};
}

// Their values.
template <typename T>
std::vector<T> values_of(const std::vector<T>& data, T scale, T z) {
  std::vector<T> values(data.size());
  reference::fake_quantize<T>(data.data(), values.data(), panel_of(data), &scale, &z, T{-8}, T{7},
                              false);
  return values;
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

TYPED_TEST(Reference, DividesTrulyBeforeItSubtracts) {
  using T = TypeParam;
  // 355.5 / 237 is 1.5 exactly; 355.5 * (1 / 237) is a little less in both types.
  ASSERT_LT(T(355.5) * (T(1) / T(237)), T(1.5));
  EXPECT_EQ(codes_of<T>({355.5}, 237, 0), std::vector<int>{2});
  // -0.5, 0.5 and 2.5 after the subtraction: 1.5 - 1 is rounded, and not 1.5.
  EXPECT_EQ(codes_of<T>({118.5, 355.5, 829.5}, 237, 1), (std::vector<int>{0, 0, 2}));
}

TYPED_TEST(Reference, EachElementHasTheParameterOfItsPlace) {
  using T = TypeParam;
  // Two rows of two; rows begin 3 parameters apart, columns 2: parameters 0, 2, 3 and 5.
  const Panel panel{2, 2, 3, 2};
  const std::vector<T> data{1, 1, 1, 1}, scale{1, -1, 0.5, 0.25, -1, 0.125}, z{0, 9, 1, 0, 9, 2};
  std::vector<int16_t> codes(4);
  reference::quantize<T, int16_t>(data.data(), codes.data(), panel, scale.data(), z.data(), -32768,
                                  32767);
  EXPECT_EQ(codes, (std::vector<int16_t>{1, 1, 4, 6}));
  std::vector<T> values(4);
  reference::dequantize<T, int16_t>(codes.data(), values.data(), panel, scale.data(), z.data(),
                                    false);
  EXPECT_EQ(values, data);
}

TYPED_TEST(Reference, StrideZeroSharesParameters) {
  using T = TypeParam;
  const std::vector<T> data{8, 8, 8, 8, 8, 8}, scale{1, 2, 4}, z{0, 0, 0};
  const auto codes = [&](const Panel& panel) {
    std::vector<int8_t> result(6);
    reference::quantize<T, int8_t>(data.data(), result.data(), panel, scale.data(), z.data(), -128,
                                   127);
    return result;
  };
  EXPECT_EQ(codes({2, 3, 0, 1}), (std::vector<int8_t>{8, 4, 2, 8, 4, 2})) << "channels last";
  EXPECT_EQ(codes({3, 2, 1, 0}), (std::vector<int8_t>{8, 8, 4, 4, 2, 2})) << "blocks";
  EXPECT_EQ(codes({2, 3, 0, 0}), (std::vector<int8_t>(6, 8))) << "one for all";
}

TYPED_TEST(Reference, DequantizeAddsBeforeItMultiplies) {
  using T = TypeParam;
  const T scale = T(0.1), z = 3;
  const std::vector<int8_t> codes{7, -8};
  std::vector<T> values(2);
  reference::dequantize<T, int8_t>(codes.data(), values.data(), uniform_panel(2), &scale, &z,
                                   false);
  EXPECT_EQ(values, (std::vector<T>{T(10) * T(0.1), T(-5) * T(0.1)}));
}

TYPED_TEST(Reference, FakeQuantizeIsBothInOne) {
  using T = TypeParam;
  const T nan = std::numeric_limits<T>::quiet_NaN(), infinity = std::numeric_limits<T>::infinity();
  // Codes 0 (2.5 - 2), 7, -8, -2 and -1.
  EXPECT_EQ(values_of<T>({1.25, infinity, -100, nan, 0.25}, 0.5, 2),
            (std::vector<T>{1, 4.5, -3, 0, 0}));
}

TYPED_TEST(Reference, AZeroHasNoSign) {
  using T = TypeParam;
  for (const T z : {T{0}, T{-0.0}}) {
    for (const T value : values_of<T>({T{-0.0}, T(-0.2), T(-0.5)}, 1, z)) {
      EXPECT_EQ(value, 0);
      EXPECT_FALSE(std::signbit(value)) << "the code is an integer, and that has no -0";
    }
  }
}

TYPED_TEST(Reference, FakeQuantizeInPlace) {
  using T = TypeParam;
  std::vector<T> data{0.3, 1.6, -20};
  const T scale = 1, z = 0;
  reference::fake_quantize<T>(data.data(), data.data(), uniform_panel(3), &scale, &z, T{-8}, T{7},
                              false);
  EXPECT_EQ(data, (std::vector<T>{0, 2, -8}));
}

TYPED_TEST(Reference, AnEmptyPanelWritesNothing) {
  using T = TypeParam;
  const T one = 1, zero = 0;
  T value = 3;
  int8_t code = 5;
  for (const Panel& panel : {uniform_panel(0), Panel{3, 0, 1, 1}, Panel{0, 3, 1, 1}}) {
    reference::quantize<T, int8_t>(&one, &code, panel, &one, &zero, T{-8}, T{7});
    reference::dequantize<T, int8_t>(&code, &value, panel, &one, &zero, false);
    reference::fake_quantize<T>(&one, &value, panel, &one, &zero, T{-8}, T{7}, false);
  }
  EXPECT_EQ(value, 3);
  EXPECT_EQ(code, 5);
}

TEST(ReferenceOfNarrowTypes, ComputesInFloatAndRoundsLast) {
  using ff::kernels::Bfloat16;
  using ff::kernels::Float16;
  // 0.1 in float; 3 * 0.1 rounds to 0.30078125 with 8 bits, to 0.300048828125 with 11.
  const float scale = 0.1f, z = 0;
  const auto data = ff::kernels::narrow<Bfloat16>(0.3125f);
  Bfloat16 value = {};
  reference::fake_quantize<Bfloat16>(&data, &value, uniform_panel(1), &scale, &z, -8, 7, false);
  EXPECT_EQ(ff::kernels::widen(value), 0.30078125f);
  const auto half_data = ff::kernels::narrow<Float16>(0.3125f);
  Float16 half_value = {};
  reference::fake_quantize<Float16>(&half_data, &half_value, uniform_panel(1), &scale, &z, -8, 7,
                                    false);
  EXPECT_EQ(ff::kernels::widen(half_value), 0.300048828125f);
}

}  // namespace
