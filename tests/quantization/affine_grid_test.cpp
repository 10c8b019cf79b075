#include "quantization/affine_grid.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "support/tensors.h"

// The path for CPU memory against the path in ATen operators, which other devices take.
namespace {

using ff::test::random_data;
using ff::test::same;
using Sizes = std::vector<int64_t>;

const std::vector<std::pair<ff::Granularity, Sizes>>& granularities() {
  static const std::vector<std::pair<ff::Granularity, Sizes>> list = {
      {ff::PerTensor(), {6, 4, 5, 3}},
      {ff::PerTensor(), {}},
      {ff::PerTensor(), {0, 3}},
      {ff::PerChannel(0), {6, 4, 5, 3}},
      {ff::PerChannel(1), {6, 4, 5, 3}},
      {ff::PerChannel({1, 3}), {6, 4, 5, 3}},
      {ff::PerChannel(0), {0, 3}},
      {ff::PerChannel(0), {7, 33}},
      {ff::PerChannel(1), {7, 33}},
      {ff::PerChannel(1), {0, 3}},
      {ff::PerBlock(2, 2, {0}, false), {6, 4, 5, 3}},
      {ff::PerBlock(0, 3, {1}), {6, 4, 5, 3}},
      {ff::PerTile({3, 2, 5, 1}), {6, 4, 5, 3}},
  };
  return list;
}

// Data around the grid, with special values.
torch::Tensor data_for(const Sizes& shape, torch::ScalarType type, int64_t bits, uint64_t seed) {
  torch::Tensor data = random_data(shape, seed, type) * std::exp2(bits - 2) * 0.3;
  if (data.numel() > 20) {
    const torch::Tensor flat = data.view({-1});
    flat[3] = std::numeric_limits<double>::quiet_NaN();
    flat[7] = std::numeric_limits<double>::infinity();
    flat[11] = -std::numeric_limits<double>::infinity();
    flat[13] = -0.0;
  }
  return data;
}

ff::AffineGrid grid_for(const ff::Granularity& granularity, const Sizes& shape, int64_t bits,
                        torch::ScalarType type, uint64_t seed) {
  const int64_t tiles = granularity.parameter_dimensionality(shape);
  return ff::AffineGrid(random_data({tiles}, seed + 100).abs() * 0.2 + 0.1,
                        random_data({tiles}, seed + 200) * 3, granularity, bits,
                        ff::arithmetic_type(type));
}

template <typename Body>
void for_each_case(const Body& body) {
  uint64_t seed = 0;
  for (const auto type : {torch::kFloat, torch::kDouble, torch::kBFloat16, torch::kHalf}) {
    for (const auto& [granularity, shape] : granularities()) {
      for (const int64_t bits : {1, 4, 8, 9, 16}) {
        SCOPED_TRACE(c10::str(granularity, " on ", at::IntArrayRef(shape), " ", type, " ", bits,
                              " bits, seed ", ++seed));
        body(data_for(shape, type, bits, seed), grid_for(granularity, shape, bits, type, seed));
        if (shape.size() == 4) {
          body(data_for(shape, type, bits, seed).to(torch::MemoryFormat::ChannelsLast),
               grid_for(granularity, shape, bits, type, seed));
        }
      }
    }
  }
}

TEST(AffineGrid, CpuCodesEqualAtenCodes) {
  for_each_case([](const torch::Tensor& data, const ff::AffineGrid& grid) {
    EXPECT_TRUE(same(ff::quantize_cpu(data, grid), ff::quantize_aten(data, grid)));
  });
}

TEST(AffineGrid, CpuValuesEqualAtenValues) {
  for_each_case([](const torch::Tensor& data, const ff::AffineGrid& grid) {
    const torch::Tensor codes = ff::quantize_cpu(data, grid);
    for (const auto type : {grid.type, data.scalar_type()}) {
      EXPECT_TRUE(
          same(ff::dequantize_cpu(codes, grid, type), ff::dequantize_aten(codes, grid, type)));
    }
  });
}

TEST(AffineGrid, FakeQuantizedValuesAreThoseOfTheCodes) {
  for_each_case([](const torch::Tensor& data, const ff::AffineGrid& grid) {
    const torch::Tensor codes = ff::quantize_cpu(data, grid);
    const torch::Tensor values = ff::dequantize_cpu(codes, grid, data.scalar_type());
    EXPECT_TRUE(same(ff::fake_quantize_cpu(data, grid), values));
    EXPECT_TRUE(same(ff::fake_quantize_aten(data, grid), values));
  });
}

TEST(AffineGrid, ResultsGoToGivenMemoryOfAnyStrides) {
  for_each_case([](const torch::Tensor& data, const ff::AffineGrid& grid) {
    const torch::Tensor codes = ff::quantize_cpu(data, grid);
    const torch::Tensor values = ff::fake_quantize_cpu(data, grid);
    const torch::Tensor gradient = torch::ones_like(data);
    const torch::Tensor data_gradient = ff::backward_cpu(data, gradient, grid)[0];
    // As the data lies, and with the axes the other way round.
    for (const bool reversed : {false, true}) {
      const auto memory = [&](const torch::Tensor& like) {
        torch::Tensor fresh = torch::empty_like(like);
        return reversed ? torch::empty(like.sizes(), like.options()).t().contiguous().t() : fresh;
      };
      if (reversed && data.dim() != 2)
        continue;
      const torch::Tensor out_codes = memory(codes), out_values = memory(values),
                          out_gradient = memory(values);
      ff::quantize_cpu(data, grid, out_codes);
      ff::fake_quantize_cpu(data, grid, out_values);
      ff::backward_cpu(data, gradient, grid, out_gradient);
      EXPECT_TRUE(same(out_codes, codes));
      EXPECT_TRUE(same(out_values, values));
      EXPECT_TRUE(same(out_gradient, data_gradient));
      const torch::Tensor dequantized = memory(values);
      ff::dequantize_cpu(codes, grid, data.scalar_type(), dequantized);
      EXPECT_TRUE(same(dequantized, values));
    }
  });
}

TEST(AffineGrid, CpuGradientsEqualAtenGradients) {
  for_each_case([](const torch::Tensor& data, const ff::AffineGrid& grid) {
    const torch::Tensor gradient = random_data(data.sizes(), 77, data.scalar_type());
    const ff::AffineGradients cpu = ff::backward_cpu(data, gradient, grid),
                              aten = ff::backward_aten(data, gradient, grid);
    EXPECT_TRUE(same(cpu[0], aten[0]));
    // The same products, summed in double in another order, then rounded to the type.
    const bool is_double = grid.type == torch::kDouble;
    const double relative = is_double ? 1e-10 : 1e-6;
    const double absolute = relative * std::exp2(static_cast<double>(grid.num_bits));
    EXPECT_TRUE(torch::allclose(cpu[1], aten[1], relative, absolute)) << cpu[1] << aten[1];
    EXPECT_TRUE(torch::allclose(cpu[2], aten[2], relative, absolute)) << cpu[2] << aten[2];
  });
}

TEST(AffineGrid, CodesOfManyTypesDequantize) {
  const ff::AffineGrid grid = grid_for(ff::PerChannel(0), {4, 6}, 12, torch::kFloat, 1);
  const torch::Tensor codes = torch::randint(-2048, 2048, {4, 6}, torch::kShort);
  const torch::Tensor expected = ff::dequantize_cpu(codes, grid, grid.type);
  for (const auto type : {torch::kInt, torch::kLong, torch::kFloat, torch::kDouble}) {
    EXPECT_TRUE(same(ff::dequantize_cpu(codes.to(type), grid, grid.type), expected));
    EXPECT_TRUE(same(ff::dequantize_aten(codes.to(type), grid, grid.type), expected));
  }
}

TEST(AffineGrid, CodesOfOtherTypesMayBeAnything) {
  // Codes that are attached are not checked; they must not wrap around.
  const ff::AffineGrid grid(torch::full({1}, 0.5F), std::nullopt, ff::PerTensor(), 8,
                            torch::kFloat);
  const torch::Tensor large = torch::tensor({100000, -100000}, torch::kInt);
  EXPECT_TRUE(same(ff::dequantize_cpu(large, grid, grid.type), ff::test::floats({50000, -50000})));
  EXPECT_TRUE(same(ff::dequantize_cpu(torch::tensor({200}, torch::kByte), grid, grid.type),
                   ff::test::floats({100})));
}

TEST(AffineGrid, RoundsOffsetsAndFlattensParameters) {
  const ff::AffineGrid grid(torch::full({2, 1}, 0.5F), torch::tensor({{2.5}, {-1.2}}),
                            ff::PerChannel(0), 4, torch::kDouble);
  EXPECT_TRUE(same(grid.scale(), torch::tensor({0.5, 0.5}, torch::kDouble)));
  EXPECT_TRUE(same(grid.z(), torch::tensor({2.0, -1.0}, torch::kDouble)));
  EXPECT_EQ(grid.low, -8);
  EXPECT_EQ(grid.high, 7);
  const ff::AffineGrid plain(torch::full({2}, 0.5F), std::nullopt, ff::PerChannel(0), 4,
                             torch::kFloat);
  EXPECT_TRUE(same(plain.z(), torch::zeros({2})));
}

TEST(AffineGrid, TypesOfArithmeticAndCodes) {
  EXPECT_EQ(ff::arithmetic_type(torch::kHalf), torch::kFloat);
  EXPECT_EQ(ff::arithmetic_type(torch::kBFloat16), torch::kFloat);
  EXPECT_EQ(ff::arithmetic_type(torch::kDouble), torch::kDouble);
  EXPECT_EQ(ff::codes_type(8), torch::kChar);
  EXPECT_EQ(ff::codes_type(9), torch::kShort);
}

}  // namespace
