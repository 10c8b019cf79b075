#include "fastforward/quantization/affine_dynamic.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include <limits>
#include <vector>

#include "fastforward/quantization/affine.h"
#include "support/expect_error.h"
#include "support/naive.h"
#include "support/tensors.h"

namespace {

using ff::test::floats;
using ff::test::int8s;
using ff::test::random_data;
using ff::test::same;

TEST(AffineDynamic, TakesTheRangeOfTheData) {
  // Range [-1, 14], 15 steps of 1, offset -1 + 8.
  const torch::Tensor q = ff::dynamic::quantize_per_tensor(floats({-1, 0, 3.4, 14}), 4);
  EXPECT_TRUE(same(ff::codes(q), int8s({-8, -7, -4, 7})));
  EXPECT_TRUE(same(q.dequantize(), floats({-1, 0, 3, 14})));
  EXPECT_TRUE(same(ff::bound_function(q).argument("scale").toTensor(), floats({1})));
  EXPECT_TRUE(same(ff::bound_function(q).argument("offset").toTensor(), floats({7})));
}

TEST(AffineDynamic, Symmetric) {
  const torch::Tensor q =
      ff::dynamic::quantize_per_tensor(floats({-16, 3, 7}), 4, {.symmetric = true});
  EXPECT_TRUE(same(ff::bound_function(q).argument("scale").toTensor(), floats({2})));
  EXPECT_TRUE(same(ff::codes(q), int8s({-8, 2, 4}))) << "1.5 and 3.5 round to even";
}

TEST(AffineDynamic, EveryTileHasItsOwnRange) {
  const std::vector<std::pair<ff::Granularity, ff::test::NaiveTiles>> cases = {
      {ff::PerTensor(), {{4, 6}, {4, 6}}},
      {ff::PerChannel(1), {{4, 6}, {4, 1}}},
      {ff::PerBlock(1, 2, {0}), {{4, 6}, {1, 2}}},
      {ff::PerBlock(1, 4, {0}, false), {{4, 6}, {1, 4}}},
      {ff::PerTile({2, 3}), {{4, 6}, {2, 3}}},
  };
  for (const auto& [granularity, tiles] : cases) {
    SCOPED_TRACE(ff::to_string(granularity));
    // All positive in some tiles: padding with zeros would show.
    const torch::Tensor data = random_data({4, 6}, 3) + 2;
    std::vector<float> min(tiles.count(), 1e9F), max(tiles.count(), -1e9F);
    for (int64_t i = 0; i < data.numel(); ++i) {
      const float x = data.reshape({-1})[i].item<float>();
      min[tiles.tile_of(i)] = std::min(min[tiles.tile_of(i)], x);
      max[tiles.tile_of(i)] = std::max(max[tiles.tile_of(i)], x);
    }
    // The asymmetric formula of design.md 5, in float32.
    const torch::Tensor scale = (floats(max) - floats(min)) / 15.0;
    const torch::Tensor clamped = scale.clamp_min(std::numeric_limits<float>::epsilon());
    const torch::Tensor offset = (floats(min) / clamped + 8.0).round();
    const torch::Tensor q = ff::dynamic::quantize_per_granularity(data, granularity, 4);
    const auto expected = ff::test::naive_affine(data, clamped, offset, tiles, 4);
    EXPECT_TRUE(same(ff::codes(q), expected.codes.to(torch::kChar)));
    EXPECT_TRUE(same(q.dequantize(), expected.values));
  }
}

TEST(AffineDynamic, TheNamedFormsAreTheGeneralOne) {
  const torch::Tensor data = random_data({4, 6}, 4);
  const auto codes = [&](const ff::Granularity& granularity) {
    return ff::codes(ff::dynamic::quantize_per_granularity(data, granularity, 4));
  };
  EXPECT_TRUE(
      same(ff::codes(ff::dynamic::quantize_per_channel(data, 0, 4)), codes(ff::PerChannel(0))));
  EXPECT_TRUE(same(ff::codes(ff::dynamic::quantize_per_block(data, 0, 1, 3, 4)),
                   codes(ff::PerBlock(1, 3, {0}))));
  EXPECT_TRUE(
      same(ff::codes(ff::dynamic::quantize_by_tile(data, {2, 3}, 4)), codes(ff::PerTile({2, 3}))));
}

TEST(AffineDynamic, GradientIsTheIdentity) {
  const torch::Tensor data = random_data({4, 6}, 5).requires_grad_();
  const torch::Tensor weight = random_data({4, 6}, 6);
  const torch::Tensor y = ff::dynamic::quantize_per_channel(data, 0, 2).dequantize();
  EXPECT_TRUE(same(ff::test::gradient_of(y, data, weight), weight));
}

TEST(AffineDynamic, HalfTypes) {
  for (const auto type : {torch::kHalf, torch::kBFloat16, torch::kDouble}) {
    const torch::Tensor data = random_data({4, 6}, 7, type);
    const torch::Tensor q = ff::dynamic::quantize_per_tensor(data, 8);
    EXPECT_EQ(q.scalar_type(), type);
    const double step = (data.max() - data.min()).item<double>() / 255;
    // Half a step by rounding, half a step by the rounded offset, and the type's own rounding.
    EXPECT_LE((q.dequantize() - data).abs().max().item<double>(), step + 0.02);
  }
}

TEST(AffineDynamic, EmptyConstantAndZeroDimensionalData) {
  EXPECT_EQ(ff::dynamic::quantize_per_tensor(torch::empty({0, 3})).dequantize().sizes(),
            at::IntArrayRef({0, 3}));
  EXPECT_EQ(ff::dynamic::quantize_per_channel(torch::empty({0, 3}), 0).sizes(),
            at::IntArrayRef({0, 3}));
  EXPECT_EQ(ff::dynamic::quantize_per_channel(torch::empty({0, 3}), 1).sizes(),
            at::IntArrayRef({0, 3}));
  EXPECT_TRUE(
      same(ff::dynamic::quantize_per_tensor(torch::zeros({3})).dequantize(), torch::zeros({3})));
  EXPECT_TRUE(
      same(ff::dynamic::quantize_per_tensor(torch::zeros({3}), 8, {.symmetric = true}).dequantize(),
           torch::zeros({3})));
  const torch::Tensor scalar = torch::tensor(2.5F);
  EXPECT_NEAR(ff::dynamic::quantize_per_tensor(scalar).dequantize().item<float>(), 2.5, 1e-6);
}

TEST(AffineDynamic, CodesTypeAndBits) {
  EXPECT_EQ(ff::codes(ff::dynamic::quantize_per_tensor(torch::ones({2}), 12)).scalar_type(),
            torch::kShort);
  EXPECT_EQ(ff::codes(ff::dynamic::quantize_per_tensor(torch::ones({2}), 4, {}, torch::kInt))
                .scalar_type(),
            torch::kInt);
  EXPECT_ERROR(c10::ValueError, "num_bits is 0; expected 1 to 16",
               ff::dynamic::quantize_per_tensor(torch::ones({2}), 0));
  EXPECT_ERROR(c10::ValueError, "Char cannot hold codes of 9 bits",
               ff::dynamic::quantize_per_tensor(torch::ones({2}), 9, {}, torch::kChar));
}

TEST(AffineDynamic, RefusesWhatHasNoRange) {
  const float nan = std::numeric_limits<float>::quiet_NaN(),
              infinity = std::numeric_limits<float>::infinity();
  EXPECT_ERROR(c10::ValueError,
               "dynamic::quantize_per_granularity: the data of shape [2, 2] has 2 values that are "
               "NaN or infinite, the first at flat index 1: nan; a range cannot be taken from them",
               ff::dynamic::quantize_per_tensor(floats({1, nan, 2, infinity}).reshape({2, 2})));
  EXPECT_ERROR(c10::ValueError, "the first at flat index 3: inf",
               ff::dynamic::quantize_per_channel(floats({1, 2, 3, infinity}).reshape({2, 2}), 0));
  EXPECT_ERROR(c10::TypeError, "the data has type Long",
               ff::dynamic::quantize_per_tensor(torch::ones({2}, torch::kLong)));
  EXPECT_ERROR(c10::ValueError, "is quantized already",
               ff::dynamic::quantize_per_tensor(ff::dynamic::quantize_per_tensor(floats({1, 2}))));
  EXPECT_ERROR(c10::IndexError, "axis 1 is out of range",
               ff::dynamic::quantize_per_channel(torch::ones({3}), 1));
}

}  // namespace
