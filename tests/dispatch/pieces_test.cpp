#include <gtest/gtest.h>
#include <torch/types.h>

#include <string>
#include <vector>

#include "fastforward/dispatch/operators.h"
#include "fastforward/dispatch/strict.h"
#include "fastforward/quantization/affine.h"
#include "fastforward/quantization/function.h"
#include "support/expect_error.h"
#include "support/tensors.h"

namespace {

using ff::test::random_data;
using ff::test::same;

TEST(Pieces, WhyNotAsksForEachPiece) {
  const torch::Tensor data = torch::ones({4, 6});
  const torch::Tensor blocks =
      ff::quantize_per_granularity(data, torch::ones({2}), {}, ff::PerBlock(1, 3));
  struct NoStructure : ff::QuantizationFunction<NoStructure> {
    static torch::Tensor quantize(const torch::Tensor& data) {
      return data;
    }
    static torch::Tensor dequantize(const torch::Tensor& codes) {
      return codes;
    }
  };
  const torch::Tensor rigid = NoStructure::apply(data);
  const auto reason = [](const char* name, const std::vector<c10::IValue>& arguments) {
    const auto refusals = ff::dispatch::why_not(name, arguments);
    return refusals.size() == 1 ? refusals[0].reason : "";
  };
  const std::string cut = "the 4 indices from 0 of axis 1 cut tiles of size 3";
  EXPECT_EQ(reason("aten::split.Tensor", {blocks, int64_t{4}, int64_t{1}}), cut);
  EXPECT_EQ(reason("aten::split_with_sizes", {blocks, std::vector<int64_t>{4, 2}, int64_t{1}}),
            cut);
  EXPECT_EQ(reason("aten::split.Tensor", {blocks, int64_t{3}, int64_t{1}}), "");
  EXPECT_NE(reason("aten::unbind.int", {rigid, int64_t{0}}), "");
  EXPECT_NE(reason("aten::chunk", {rigid, int64_t{2}, int64_t{0}}), "");
}

TEST(Pieces, ErrorsNameWhatWasCalled) {
  const torch::Tensor blocks =
      ff::quantize_per_granularity(torch::ones({4, 6}), torch::ones({2}), {}, ff::PerBlock(1, 3));
  EXPECT_ERROR(c10::NotImplementedError, "strict quantization: aten::split.Tensor has no",
               blocks.split(4, 1));
  EXPECT_ERROR(c10::NotImplementedError, "strict quantization: aten::chunk has no",
               blocks.chunk(3, 1));
  EXPECT_ERROR(c10::NotImplementedError,
               "strict quantization: aten::split_with_sizes has no quantized implementation for "
               "argument 'self'",
               blocks.split_with_sizes({4, 2}, 1));
  const ff::StrictGuard relaxed(false);
  EXPECT_FALSE(ff::is_quantized(blocks.split(4, 1)[0]));
  EXPECT_ERROR(c10::ValueError, "the pieces [7, -1] must not be negative",
               blocks.split_with_sizes({7, -1}, 1));
}

TEST(Pieces, OfAnEmptyAxis) {
  const torch::Tensor q = ff::quantize_per_tensor(torch::ones({0, 3}), 0.5);
  const torch::Tensor plain = q.dequantize();
  EXPECT_EQ(q.split(2, 0).size(), plain.split(2, 0).size());
  EXPECT_EQ(q.chunk(3, 0).size(), plain.chunk(3, 0).size());
  EXPECT_EQ(q.unbind(0).size(), 0U);
}

TEST(Pieces, ChunksAreThoseOfLibTorch) {
  for (int64_t size = 1; size < 9; ++size) {
    for (int64_t count = 1; count < 9; ++count) {
      const torch::Tensor q = ff::quantize_per_tensor(random_data({size}, 1), 0.1);
      const auto got = q.chunk(count), expected = q.dequantize().chunk(count);
      ASSERT_EQ(got.size(), expected.size());
      for (size_t i = 0; i < got.size(); ++i)
        EXPECT_TRUE(same(got[i].dequantize(), expected[i]));
      const auto parts = q.split(count), expected_parts = q.dequantize().split(count);
      ASSERT_EQ(parts.size(), expected_parts.size());
      EXPECT_TRUE(same(parts.back().dequantize(), expected_parts.back()));
    }
  }
}

}  // namespace
