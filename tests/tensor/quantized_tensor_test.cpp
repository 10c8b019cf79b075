#include "fastforward/tensor/quantized_tensor.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include <sstream>
#include <string>

#include "fastforward/quantization/affine.h"
#include "support/expect_error.h"
#include "support/tensors.h"

namespace {

using ff::test::floats;
using ff::test::int8s;
using ff::test::same;

torch::Tensor example() {
  return ff::quantize_per_tensor(floats({0.4, -1.1, 0.0, 9.0}).reshape({2, 2}), 0.5, 0.0, 4);
}

TEST(QuantizedTensor, HoldsCodesAndFunction) {
  const torch::Tensor q = example();
  EXPECT_TRUE(ff::is_quantized(q));
  EXPECT_TRUE(same(ff::codes(q), int8s({1, -2, 0, 7}).reshape({2, 2})));
  EXPECT_EQ(ff::bound_function(q).name(), "AffineQuantizationFunction");
  EXPECT_TRUE(same(ff::dequantize(q), floats({0.5, -1, 0, 3.5}).reshape({2, 2})));
  EXPECT_TRUE(same(q.dequantize(), ff::dequantize(q))) << "LibTorch's own method";
}

TEST(QuantizedTensor, IsDescribedLikeItsValue) {
  const torch::Tensor q = example().to(torch::kFloat);
  EXPECT_EQ(q.sizes(), at::IntArrayRef({2, 2}));
  EXPECT_EQ(q.dim(), 2);
  EXPECT_EQ(q.numel(), 4);
  EXPECT_EQ(q.size(-1), 2);
  EXPECT_EQ(q.scalar_type(), torch::kFloat);
  EXPECT_TRUE(q.device().is_cpu());
  EXPECT_TRUE(q.is_floating_point());
  EXPECT_TRUE(q.defined());
  EXPECT_FALSE(q.requires_grad());
}

TEST(QuantizedTensor, PlainAndUndefinedTensorsAreNot) {
  EXPECT_FALSE(ff::is_quantized(torch::ones({2})));
  EXPECT_FALSE(ff::is_quantized(torch::Tensor()));
  EXPECT_FALSE(ff::is_quantized(example().dequantize()));
}

TEST(QuantizedTensor, PlainTensorsHaveNoCodes) {
  const torch::Tensor plain = torch::ones({2});
  EXPECT_ERROR(c10::TypeError,
               "ff::dequantize: expected a quantized tensor, got a plain one of type Float; "
               "quantize it first, or check with ff::is_quantized()",
               ff::dequantize(plain));
  EXPECT_ERROR(c10::TypeError, "ff::codes: expected a quantized tensor", ff::codes(plain));
  EXPECT_ERROR(c10::TypeError, "ff::bound_function: expected a quantized tensor, got an undefined",
               ff::bound_function(torch::Tensor()));
  EXPECT_ERROR(c10::TypeError, "ff::gradient_carrier: expected a quantized tensor",
               ff::gradient_carrier(plain));
}

TEST(QuantizedTensor, HasNoMemoryOfItsValue) {
  const torch::Tensor q = example();
  EXPECT_ERROR(c10::Error, "storage", q.data_ptr());
  EXPECT_ERROR(c10::Error, "storage", q.data_ptr<float>());
  EXPECT_ERROR(c10::Error, "storage", q.storage());
  EXPECT_FALSE(q.has_storage());
}

TEST(QuantizedTensor, CodesAreShared) {
  const torch::Tensor codes = int8s({1, 2});
  const torch::Tensor q = ff::AffineQuantizationFunction::attach(codes, floats({0.5}), std::nullopt,
                                                                 ff::PerTensor(), 8);
  codes[0] = 4;
  EXPECT_TRUE(same(q.dequantize(), floats({2, 1})));
  EXPECT_TRUE(ff::codes(q).is_same(codes));
}

TEST(QuantizedTensor, IsMadeOfFittingParts) {
  const torch::Tensor q = example();
  const auto function = ff::bound_function(q);
  EXPECT_ERROR(c10::ValueError, "AffineQuantizationFunction: the codes are undefined",
               ff::make_quantized_tensor({}, function, torch::kFloat));
  EXPECT_ERROR(c10::ValueError, "the codes are a quantized tensor already",
               ff::make_quantized_tensor(q, function, torch::kFloat));
  EXPECT_ERROR(c10::TypeError, "the values cannot have type Char",
               ff::make_quantized_tensor(int8s({1}), function, torch::kChar));
  EXPECT_ERROR(c10::ValueError,
               "the gradient carrier has shape [3], but the codes have shape [1]; they must be "
               "equal",
               ff::make_quantized_tensor(int8s({1}), function, torch::kFloat, torch::ones({3})));
}

TEST(QuantizedTensor, GradientsFlowThroughTheCarrier) {
  const torch::Tensor carrier = torch::zeros({2}).requires_grad_();
  const torch::Tensor q = ff::make_quantized_tensor(int8s({1, 2}), ff::bound_function(example()),
                                                    torch::kFloat, carrier);
  EXPECT_TRUE(ff::gradient_carrier(q).is_same(carrier));
  (q.dequantize() * floats({3, 5})).sum().backward();
  EXPECT_TRUE(same(carrier.grad(), floats({3, 5})));
  EXPECT_FALSE(ff::gradient_carrier(example()).defined()) << "nothing required a gradient";
}

TEST(QuantizedTensor, ClonesCodesAndParameters) {
  const torch::Tensor codes = int8s({1, 2}), scale = floats({0.5});
  const torch::Tensor q =
      ff::AffineQuantizationFunction::attach(codes, scale, std::nullopt, ff::PerTensor(), 8);
  const torch::Tensor copy = q.clone();
  codes.fill_(7);
  scale.fill_(8);
  EXPECT_TRUE(same(copy.dequantize(), floats({0.5, 1})));
  EXPECT_TRUE(same(q.dequantize(), floats({56, 56})));
}

TEST(QuantizedTensor, PrintsValuesFunctionAndCodesType) {
  const std::string text = ff::to_string(example());
  EXPECT_NE(text.find("3.5"), std::string::npos) << text;
  EXPECT_NE(text.find("AffineQuantizationFunction(scale=0.5, offset=0, granularity=PerTensor(), "
                      "num_bits=4, codes_dtype=None), codes Char"),
            std::string::npos)
      << text;
  std::ostringstream ours, torchs;
  ff::print(ours, torch::ones({2}));
  torchs << torch::ones({2});
  EXPECT_EQ(ours.str(), torchs.str()) << "a plain tensor";
  std::ostringstream of_quantized;
  of_quantized << example();
  EXPECT_NE(of_quantized.str().find("3.5"), std::string::npos) << of_quantized.str();
}

}  // namespace
