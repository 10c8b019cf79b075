#include "fastforward/quantization/affine_range.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include <cmath>
#include <limits>

#include "fastforward/quantization/affine.h"
#include "support/expect_error.h"
#include "support/tensors.h"

namespace {

using ff::test::floats;
using ff::test::random_data;
using ff::test::same;

constexpr float kSmallest = 1.1920928955078125e-07F;  // 2^-23

TEST(AffineRange, IntegerEnds) {
  EXPECT_EQ(ff::integer_minimum(8), -128);
  EXPECT_EQ(ff::integer_maximum(8), 127);
  EXPECT_EQ(ff::integer_minimum(1), -1);
  EXPECT_EQ(ff::integer_maximum(1), 0);
  EXPECT_EQ(ff::integer_minimum(16), -32768);
  EXPECT_EQ(ff::integer_maximum(16), 32767);
  EXPECT_ERROR(c10::ValueError, "integer_minimum: num_bits is 0; expected 1 to 16.",
               ff::integer_minimum(0));
  EXPECT_ERROR(c10::ValueError, "integer_maximum: num_bits is 17", ff::integer_maximum(17));
}

TEST(AffineRange, SymmetricUsesTheWiderSide) {
  const auto below = ff::parameters_for_range(floats({-8}), floats({3.5}), 4);
  EXPECT_TRUE(same(below.scale, floats({1}))) << "8 / 8 > 3.5 / 7";
  EXPECT_FALSE(below.offset.has_value());
  const auto above = ff::parameters_for_range(floats({-4}), floats({14}), 4);
  EXPECT_TRUE(same(above.scale, floats({2}))) << "14 / 7 > 4 / 8";
}

TEST(AffineRange, OneSidedUsesTheWholeGrid) {
  const auto parameters = ff::parameters_for_range(floats({1}), floats({30}), 4);
  EXPECT_TRUE(same(parameters.scale, floats({2}))) << "30 / 15, from 0";
  EXPECT_TRUE(same(*parameters.offset, floats({8})));
  const auto refused =
      ff::parameters_for_range(floats({1}), floats({14}), 4, {.allow_one_sided = false});
  EXPECT_TRUE(same(refused.scale, floats({2}))) << "14 / 7";
  EXPECT_FALSE(refused.offset.has_value());
}

TEST(AffineRange, OneSidednessIsOfAllRangesOrOfEach) {
  const torch::Tensor min = floats({-8, 0}), max = floats({7, 30});
  const auto together = ff::parameters_for_range(min, max, 4);
  EXPECT_TRUE(same(together.scale, floats({1, 30.0F / 7})));
  EXPECT_FALSE(together.offset.has_value());
  const auto each = ff::parameters_for_range(min, max, 4, {.one_sided_per_tile = true});
  EXPECT_TRUE(same(each.scale, floats({1, 2})));
  EXPECT_TRUE(same(*each.offset, floats({0, 8})));
}

TEST(AffineRange, AsymmetricSpansTheRange) {
  const auto parameters =
      ff::parameters_for_range(floats({-1, 2}), floats({2, 5}), 2, {.symmetric = false});
  EXPECT_TRUE(same(parameters.scale, floats({1, 1}))) << "3 / 3";
  EXPECT_TRUE(same(*parameters.offset, floats({1, 4}))) << "min / scale + 2";
}

TEST(AffineRange, ZeroWidthGetsASmallScale) {
  const torch::Tensor zero = floats({0});
  for (const bool symmetric : {false, true}) {
    for (const bool one_sided : {false, true}) {
      for (const int64_t bits : {1, 8}) {
        const auto parameters = ff::parameters_for_range(
            zero, zero, bits, {.symmetric = symmetric, .allow_one_sided = one_sided});
        EXPECT_TRUE(same(parameters.scale, floats({kSmallest})));
        EXPECT_TRUE(same(
            ff::quantize_per_tensor(zero, parameters.scale, parameters.offset, bits).dequantize(),
            zero));
      }
    }
  }
  const auto point = ff::parameters_for_range(floats({3}), floats({3}), 8, {.symmetric = false});
  EXPECT_TRUE(same(point.scale, floats({kSmallest})));
}

TEST(AffineRange, OneBit) {
  EXPECT_TRUE(same(ff::parameters_for_range(floats({-2}), floats({5}), 1).scale, floats({2})));
  EXPECT_TRUE(
      same(ff::parameters_for_range(floats({0}), floats({5}), 1, {.allow_one_sided = false}).scale,
           floats({5})));
  const auto one_sided = ff::parameters_for_range(floats({0}), floats({5}), 1);
  EXPECT_TRUE(same(one_sided.scale, floats({5})));
  EXPECT_TRUE(same(*one_sided.offset, floats({1})));
}

TEST(AffineRange, HugeRangesStayFinite) {
  const float largest = std::numeric_limits<float>::max();
  const auto parameters =
      ff::parameters_for_range(floats({-largest}), floats({largest}), 8, {.symmetric = false});
  EXPECT_TRUE(parameters.scale.isfinite().all().item<bool>());
  EXPECT_NEAR(parameters.scale.item<float>() / (largest / 255 * 2), 1, 1e-6) << "float32 rounding";
}

TEST(AffineRange, RangeOfParametersGoesBack) {
  const torch::Tensor min = random_data({20}, 1) - 1, max = min + random_data({20}, 2).abs() + 0.1;
  const auto parameters = ff::parameters_for_range(min, max, 8, {.symmetric = false});
  const auto range = ff::quantization_range(parameters.scale, parameters.offset, 8);
  // A few float32 roundings of numbers of the size of offset * scale.
  EXPECT_TRUE(torch::allclose(range.min, min, 1e-5, 1e-5));
  EXPECT_TRUE(torch::allclose(range.max, max, 1e-5, 1e-5));
}

TEST(AffineRange, QuantizationRangeByHand) {
  const auto without = ff::quantization_range(floats({0.5}), {}, 4);
  EXPECT_TRUE(same(without.min, floats({-4})));
  EXPECT_TRUE(same(without.max, floats({3.5})));
  const auto with = ff::quantization_range(floats({0.5}), floats({1.5}), 4);
  EXPECT_TRUE(same(with.min, floats({-3.25}))) << "the offset is not rounded";
  EXPECT_TRUE(same(with.max, floats({4.25})));
  EXPECT_ERROR(c10::ValueError, "scale has shape [1], but offset has shape [2]",
               ff::quantization_range(floats({1}), floats({1, 2}), 4));
}

TEST(AffineRange, ShapeIsKeptAndMayBeEmpty) {
  EXPECT_EQ(ff::parameters_for_range(torch::zeros({2, 3}), torch::ones({2, 3}), 8).scale.sizes(),
            at::IntArrayRef({2, 3}));
  EXPECT_EQ(ff::parameters_for_range(torch::zeros({0}), torch::ones({0}), 8).scale.numel(), 0);
}

TEST(AffineRange, OtherTypesBecomeFloat32) {
  for (const auto type : {torch::kDouble, torch::kHalf, torch::kBFloat16}) {
    const auto parameters =
        ff::parameters_for_range(torch::full({1}, -8.0, type), torch::full({1}, 3.0, type), 4);
    EXPECT_TRUE(same(parameters.scale, floats({1})));
  }
}

TEST(AffineRange, GivesNoGraph) {
  const torch::Tensor min = floats({-8}).requires_grad_();
  EXPECT_FALSE(ff::parameters_for_range(min, floats({3}), 4).scale.requires_grad());
}

TEST(AffineRange, WrongRangesAreErrors) {
  const float nan = std::numeric_limits<float>::quiet_NaN(),
              infinity = std::numeric_limits<float>::infinity();
  EXPECT_ERROR(c10::ValueError,
               "parameters_for_range: min[1] is 2, greater than max[1], which is 1; give min <= "
               "max.",
               ff::parameters_for_range(floats({0, 2}), floats({1, 1}), 8));
  EXPECT_ERROR(c10::ValueError, "parameters_for_range: min[0] is nan; expected finite values.",
               ff::parameters_for_range(floats({nan, 2}), floats({1, 3}), 8));
  EXPECT_ERROR(c10::ValueError, "parameters_for_range: max[1] is inf",
               ff::parameters_for_range(floats({0, 2}), floats({1, infinity}), 8));
  EXPECT_ERROR(c10::ValueError, "min has shape [2], but max has shape [3]",
               ff::parameters_for_range(torch::zeros({2}), torch::ones({3}), 8));
  EXPECT_ERROR(c10::ValueError, "num_bits is 17; expected 1 to 16",
               ff::parameters_for_range(floats({0}), floats({1}), 17));
  EXPECT_ERROR(c10::TypeError, "min must be a plain floating-point tensor, got Int",
               ff::parameters_for_range(torch::zeros({1}, torch::kInt), floats({1}), 8));
  EXPECT_ERROR(c10::TypeError, "max must be a plain floating-point tensor, got an undefined one",
               ff::parameters_for_range(floats({1}), torch::Tensor(), 8));
  EXPECT_ERROR(c10::ValueError, "min is on cpu, but max is on meta",
               ff::parameters_for_range(floats({0}), torch::ones({1}, torch::kMeta), 8));
  EXPECT_ERROR(c10::ValueError,
               "parameters_for_range: min[0] is -1e+300, beyond the largest float32 value "
               "3.40282e+38; ranges are float32, scale the data down.",
               ff::parameters_for_range(torch::tensor({-1e300}, torch::kDouble),
                                        torch::tensor({1.0}, torch::kDouble), 8));
}

}  // namespace
