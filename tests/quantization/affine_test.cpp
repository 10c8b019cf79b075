#include "fastforward/quantization/affine.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "fastforward/quantization/affine_range.h"
#include "support/naive.h"
#include "support/tensors.h"

namespace {

using ff::test::floats;
using ff::test::int8s;
using ff::test::naive_affine;
using ff::test::NaiveTiles;
using ff::test::random_data;
using ff::test::same;

torch::Tensor scales_for(int64_t count, uint64_t seed, torch::ScalarType type = torch::kFloat) {
  return random_data({count}, seed, type).abs() * 0.1 + 0.02;
}
torch::Tensor offsets_for(int64_t count, uint64_t seed, torch::ScalarType type = torch::kFloat) {
  return random_data({count}, seed, type) * 5;
}

TEST(Affine, RoundsHalvesToEvenAndClamps) {
  const torch::Tensor q =
      ff::quantize_per_tensor(floats({0.25, 0.75, -0.25, -0.75, 1.25, 50, -50}), 0.5, {}, 3);
  EXPECT_TRUE(same(ff::codes(q), int8s({0, 2, 0, -2, 2, 3, -4})));
  EXPECT_TRUE(same(q.dequantize(), floats({0, 1, 0, -1, 1, 1.5, -2})));
}

TEST(Affine, OffsetsAreRoundedHalfToEven) {
  // z = 2 for 2.5 and for 1.5; codes = x / 1 - 2.
  for (const double offset : {2.5, 1.5}) {
    const torch::Tensor q = ff::quantize_per_tensor(floats({0, 3}), 1.0, offset, 4);
    EXPECT_TRUE(same(ff::codes(q), int8s({-2, 1})));
    EXPECT_TRUE(same(q.dequantize(), floats({0, 3})));
  }
}

TEST(Affine, DividesAndDoesNotMultiplyByTheReciprocal) {
  // Found by search: for these the reciprocal gives another code.
  int found = 0;
  for (int i = 1; i < 20000 && found < 20; ++i) {
    const float scale = 0.001F * static_cast<float>(i), x = 2.5F * scale;
    if (std::nearbyint(x / scale) == std::nearbyint(x * (1.0F / scale)))
      continue;
    ++found;
    const torch::Tensor q = ff::quantize_per_tensor(floats({x}), floats({scale}));
    EXPECT_EQ(ff::codes(q)[0].item<float>(), std::nearbyint(x / scale)) << "scale " << scale;
  }
  EXPECT_GT(found, 5);
}

TEST(Affine, NanGetsTheCodeOfZeroAndInfinitiesSaturate) {
  const float nan = std::numeric_limits<float>::quiet_NaN(),
              infinity = std::numeric_limits<float>::infinity();
  const torch::Tensor q = ff::quantize_per_tensor(floats({nan, infinity, -infinity}), 0.5, 3.0, 4);
  EXPECT_TRUE(same(ff::codes(q), int8s({-3, 7, -8})));
  EXPECT_TRUE(same(q.dequantize(), floats({0, 5, -2.5})));
}

struct Case {
  ff::Granularity granularity;
  NaiveTiles tiles;
};

std::vector<Case> cases() {
  return {
      {ff::PerTensor(), {{6, 4, 5}, {6, 4, 5}}},
      {ff::PerTensor(), {{}, {}}},
      {ff::PerChannel(0), {{6, 4, 5}, {1, 4, 5}}},
      {ff::PerChannel(-1), {{6, 4, 5}, {6, 4, 1}}},
      {ff::PerChannel({0, -1}), {{6, 4, 5}, {1, 4, 1}}},
      {ff::PerChannel({2, 1}), {{6, 4, 5}, {6, 1, 1}}},
      {ff::PerBlock(1, 2, {0}), {{6, 4, 5}, {1, 2, 5}}},
      {ff::PerBlock({0, 1}, {3, 2}), {{6, 4, 5}, {3, 2, 5}}},
      {ff::PerBlock(2, 2, {0}, false), {{6, 4, 5}, {1, 4, 2}}},
      {ff::PerBlock({0, 2}, {4, 3}, {1}, false), {{6, 4, 5}, {4, 1, 3}}},
      {ff::PerTile({3, 2, 5}), {{6, 4, 5}, {3, 2, 5}}},
      {ff::PerTile({1, 1, 1}), {{6, 4, 5}, {1, 1, 1}}},
  };
}

TEST(Affine, EqualsTheNaiveLoopForEveryGranularity) {
  uint64_t seed = 1;
  for (const auto type : {torch::kFloat, torch::kDouble}) {
    for (const Case& c : cases()) {
      for (const int64_t bits : {1, 2, 4, 8, 9, 16}) {
        for (const bool has_offset : {false, true}) {
          SCOPED_TRACE(c10::str(c.granularity, " ", type, " ", bits, " bits, seed ", seed));
          const torch::Tensor data = random_data(c.tiles.shape, ++seed, type) * std::exp2(bits - 4);
          const torch::Tensor scale = scales_for(c.tiles.count(), seed, type);
          std::optional<torch::Tensor> offset;
          if (has_offset)
            offset = offsets_for(c.tiles.count(), seed, type);
          const torch::Tensor q =
              ff::quantize_per_granularity(data, scale, offset, c.granularity, bits);
          const auto expected = naive_affine(data, scale, offset, c.tiles, bits);
          EXPECT_TRUE(
              same(ff::codes(q), expected.codes.to(bits <= 8 ? torch::kChar : torch::kShort)));
          EXPECT_TRUE(same(q.dequantize(), expected.values));
        }
      }
    }
  }
}

TEST(Affine, HalfTypesComputeInFloat32) {
  for (const auto type : {torch::kHalf, torch::kBFloat16}) {
    const torch::Tensor data = random_data({7, 11}, 3, type) * 3;
    const torch::Tensor scale = scales_for(7, 4);
    const torch::Tensor q = ff::quantize_per_channel(data, scale, {}, 0);
    const auto expected = naive_affine(data.to(torch::kFloat), scale, {}, {{7, 11}, {1, 11}}, 8);
    EXPECT_TRUE(same(ff::codes(q), expected.codes.to(torch::kChar)));
    EXPECT_EQ(q.scalar_type(), type);
    EXPECT_TRUE(same(q.dequantize(), expected.values.to(type)));
  }
}

TEST(Affine, ParametersOfAnotherTypeAreConvertedToTheArithmetics) {
  const torch::Tensor data = random_data({50}, 5, torch::kDouble);
  const torch::Tensor scale = floats({0.1F});
  const auto expected = naive_affine(data, scale.to(torch::kDouble), {}, {{50}, {50}}, 8);
  EXPECT_TRUE(same(ff::quantize_per_tensor(data, scale).dequantize(), expected.values));
  const torch::Tensor half = torch::tensor({0.1F}).to(torch::kHalf);
  const torch::Tensor x = data.to(torch::kFloat);
  EXPECT_TRUE(same(ff::quantize_per_tensor(x, half).dequantize(),
                   naive_affine(x, half.to(torch::kFloat), {}, {{50}, {50}}, 8).values));
}

TEST(Affine, ParametersMayHaveAnyShape) {
  const torch::Tensor data = random_data({2, 6}, 6), scale = scales_for(6, 7);
  const torch::Tensor flat = ff::quantize_per_block(data, scale, {}, 0, 1, 2);
  const torch::Tensor grid = ff::quantize_per_block(data, scale.reshape({2, 3}), {}, 0, 1, 2);
  EXPECT_TRUE(same(ff::codes(grid), ff::codes(flat)));
  EXPECT_TRUE(same(ff::codes(ff::quantize_per_tensor(data, torch::tensor(0.1F))),
                   ff::codes(ff::quantize_per_tensor(data, torch::full({1, 1}, 0.1F)))));
}

TEST(Affine, EmptyTensorsWork) {
  const torch::Tensor none = torch::empty({0, 3});
  for (const torch::Tensor& q :
       {ff::quantize_per_tensor(none, 0.1), ff::quantize_per_channel(none, torch::ones({3})),
        ff::quantize_per_channel(none, torch::ones({0}), {}, 0),
        ff::quantize_by_tile(none, torch::ones({0}), {}, {2, 3})}) {
    EXPECT_EQ(q.sizes(), none.sizes());
    EXPECT_EQ(ff::codes(q).scalar_type(), torch::kChar);
    EXPECT_TRUE(same(q.dequantize(), none));
  }
}

TEST(Affine, ZeroDimensionalTensorsWork) {
  const torch::Tensor q = ff::quantize_per_tensor(torch::tensor(0.7F), 0.5);
  EXPECT_EQ(q.dim(), 0);
  EXPECT_TRUE(same(q.dequantize(), torch::tensor(0.5F)));
  EXPECT_TRUE(same(ff::quantize_by_tile(torch::tensor(0.7F), floats({0.5}), {}, {}).dequantize(),
                   torch::tensor(0.5F)));
}

TEST(Affine, OneBitHasTheCodesMinusOneAndZero) {
  const torch::Tensor q = ff::quantize_per_tensor(floats({-3, -0.6, -0.4, 0, 2}), 1.0, {}, 1);
  EXPECT_TRUE(same(ff::codes(q), int8s({-1, -1, 0, 0, 0})));
}

TEST(Affine, CodesAreInt8UpToEightBitsAndInt16Above) {
  for (int64_t bits = 1; bits <= 16; ++bits) {
    const torch::Tensor q = ff::quantize_per_tensor(floats({-1e9, 1e9}), 1.0, {}, bits);
    EXPECT_EQ(ff::codes(q).scalar_type(), bits <= 8 ? torch::kChar : torch::kShort);
    EXPECT_EQ(ff::codes(q)[0].item<int64_t>(), ff::integer_minimum(bits));
    EXPECT_EQ(ff::codes(q)[1].item<int64_t>(), ff::integer_maximum(bits));
  }
}

TEST(Affine, CodesOfAnotherTypeGiveTheSameValues) {
  const torch::Tensor data = random_data({3, 5}, 8) * 4;
  const torch::Tensor plain = ff::quantize_per_tensor(data, 0.1, 3.0);
  for (const auto type : {torch::kShort, torch::kInt, torch::kLong, torch::kFloat, torch::kDouble,
                          torch::kHalf, torch::kBFloat16}) {
    const torch::Tensor q = ff::quantize_per_tensor(data, 0.1, 3.0, 8, type);
    EXPECT_EQ(ff::codes(q).scalar_type(), type);
    EXPECT_EQ(q.scalar_type(), torch::kFloat);
    EXPECT_TRUE(same(ff::codes(q).to(torch::kChar), ff::codes(plain)));
    EXPECT_TRUE(same(q.dequantize(), plain.dequantize()));
  }
}

TEST(Affine, CodesKeepTheMemoryFormat) {
  const torch::Tensor data = random_data({2, 3, 4, 5}, 9).to(torch::MemoryFormat::ChannelsLast);
  const torch::Tensor q = ff::quantize_per_channel(data, scales_for(3, 1), {}, 1);
  EXPECT_TRUE(ff::codes(q).is_contiguous(torch::MemoryFormat::ChannelsLast));
  EXPECT_TRUE(q.dequantize().is_contiguous(torch::MemoryFormat::ChannelsLast));
}

TEST(Affine, TheDataIsNotChanged) {
  const torch::Tensor data = random_data({100}, 10), before = data.clone();
  ff::quantize_per_tensor(data, 0.1);
  EXPECT_TRUE(same(data, before));
}

TEST(Affine, TheNamedFormsAreTheGeneralOne) {
  const torch::Tensor data = random_data({4, 6}, 11), two = scales_for(2, 1),
                      four = scales_for(4, 2), six = scales_for(6, 3), twelve = scales_for(12, 4);
  const auto codes = [&](const torch::Tensor& scale, const ff::Granularity& granularity) {
    return ff::codes(ff::quantize_per_granularity(data, scale, {}, granularity, 4));
  };
  EXPECT_TRUE(same(ff::codes(ff::quantize_per_channel(data, six, {}, -1, 4)),
                   codes(six, ff::PerChannel(1))))
      << "the last axis by default, as in FastForward";
  EXPECT_TRUE(same(ff::codes(ff::quantize_per_channel(data, four, {}, 0, 4)),
                   codes(four, ff::PerChannel(0))));
  EXPECT_TRUE(same(ff::codes(ff::quantize_per_block(data, twelve, {}, 0, 1, 2, 4)),
                   codes(twelve, ff::PerBlock(1, 2, {0}))));
  EXPECT_TRUE(same(ff::codes(ff::quantize_by_tile(data, two, {}, {4, 3}, 4)),
                   codes(two, ff::PerTile({4, 3}))));
}

TEST(Affine, BoundFunctionQuantizesOtherData) {
  const torch::Tensor q = ff::quantize_per_tensor(floats({1, 2}), 0.5, 1.0, 4);
  const ff::BoundQuantizationFunction function = ff::bound_function(q);
  EXPECT_TRUE(same(ff::codes(function.quantize(floats({1.5}))), int8s({2})));
  EXPECT_TRUE(same(ff::codes(function.rebind({{"num_bits", int64_t{2}}}).quantize(floats({1.5}))),
                   int8s({1})));
  EXPECT_TRUE(same(function.dequantize(int8s({2})), floats({1.5})));
}

TEST(Affine, MetaTensorsGiveMetaCodes) {
  const torch::Tensor data = torch::empty({3, 4}, torch::kMeta);
  const torch::Tensor q = ff::quantize_per_channel(data, torch::empty({4}, torch::kMeta));
  EXPECT_TRUE(ff::codes(q).is_meta());
  EXPECT_EQ(q.dequantize().sizes(), data.sizes());
}

}  // namespace
