#include "fastforward/quantization/affine_codes.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include <optional>

#include "fastforward/quantization/affine.h"
#include "support/expect_error.h"
#include "support/tensors.h"

namespace {

using ff::test::floats;
using ff::test::random_data;
using ff::test::same;

TEST(AffineCodes, EqualThoseOfAQuantizedTensor) {
  for (const auto type : {torch::kFloat, torch::kDouble, torch::kBFloat16, torch::kHalf}) {
    for (const int64_t bits : {3, 8, 9, 16}) {
      const torch::Tensor data = random_data({6, 40}, static_cast<uint64_t>(bits), type) * 9;
      const torch::Tensor scale = random_data({40}, 4).abs() * 0.1 + 0.01;
      const torch::Tensor offset = random_data({40}, 5) * 4;
      const torch::Tensor q = ff::quantize_per_channel(data, scale, offset, 1, bits);
      torch::Tensor codes = torch::empty({6, 40}, bits <= 8 ? torch::kChar : torch::kShort);
      EXPECT_TRUE(ff::quantize_codes_out(codes, data, scale, offset, ff::PerChannel(1), bits)
                      .is_same(codes));
      EXPECT_TRUE(same(codes, ff::codes(q)));
      torch::Tensor values = torch::empty({6, 40}, type);
      ff::dequantize_codes_out(values, codes, scale, offset, ff::PerChannel(1), bits);
      EXPECT_TRUE(same(values, q.dequantize()));
    }
  }
}

TEST(AffineCodes, OutputsOfOtherStridesAndCodesOfOtherTypes) {
  const torch::Tensor data = random_data({5, 7}, 1), scale = floats({0.1F});
  torch::Tensor codes = torch::empty({7, 5}, torch::kChar).t();
  ff::quantize_codes_out(codes, data, scale);
  EXPECT_TRUE(same(codes, ff::codes(ff::quantize_per_tensor(data, scale))));
  torch::Tensor values = torch::empty({5, 7}), expected = torch::empty({5, 7});
  ff::dequantize_codes_out(expected, codes, scale);
  ff::dequantize_codes_out(values, codes.to(torch::kLong), scale);
  EXPECT_TRUE(same(values, expected));
}

TEST(AffineCodes, RefuseWhatDoesNotFit) {
  const torch::Tensor data = torch::ones({4}), scale = floats({1});
  torch::Tensor codes = torch::empty({4}, torch::kInt);
  EXPECT_ERROR(
      c10::ValueError,
      "quantize_codes_out: codes has type Int, shape [4] and is on cpu; expected Char, [4] "
      "on cpu.",
      ff::quantize_codes_out(codes, data, scale));
  torch::Tensor chars = torch::empty({4}, torch::kChar);
  EXPECT_ERROR(c10::ValueError, "expected Short, [4] on cpu.",
               ff::quantize_codes_out(chars, data, scale, std::nullopt, {}, 9));
  torch::Tensor values = torch::empty({4}, torch::kInt);
  EXPECT_ERROR(c10::TypeError, "dequantize_codes_out: values must be a floating-point tensor",
               ff::dequantize_codes_out(values, chars, scale));
  EXPECT_ERROR(c10::TypeError, "the codes must be a plain tensor, got a quantized one",
               ff::dequantize_codes_out(values, ff::quantize_per_tensor(data, scale), scale));
}

}  // namespace
