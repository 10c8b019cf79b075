#include "fastforward/nn/quantized_arithmetic.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <sstream>

#include "fastforward/nn/dynamic_linear_quantizer.h"
#include "nn/layer_checks.h"
#include "support/expect_error.h"

namespace {

using ff::nn::DynamicLinearQuantizer;
using ff::nn::QuantizedAdd;
using ff::nn::QuantizedCat;
using ff::nn::QuantizedMul;
using ff::nn::replace_quantizer;
using ff::test::copy_of;
using ff::test::random_data;
using ff::test::same;

template <typename Layer>
void quantize_dynamically(Layer& layer) {
  for (const std::string& name : layer->quantizer_names())
    replace_quantizer(*layer, name, DynamicLinearQuantizer(name[0] == 'o' ? 4 : 6));
}

torch::Tensor values(int64_t bits, const torch::Tensor& data) {
  return DynamicLinearQuantizer(bits)(data).dequantize();
}

TEST(QuantizedArithmetic, Add) {
  const torch::Tensor a = random_data({3, 4}, 1), b = random_data({4}, 2);
  QuantizedAdd add;
  {
    const ff::StrictGuard relaxed(false);
    EXPECT_TRUE(same(add->forward(a, b), a + b));
    EXPECT_TRUE(same(add->forward(a, b, 2.5), torch::add(a, b, 2.5)));
    torch::nn::Sequential model(add);
    EXPECT_TRUE(same(model->forward(a, b), a + b)) << "alpha may be left out";
  }
  quantize_dynamically(add);
  EXPECT_EQ(add->quantizer_names().size(), 3U);
  const torch::Tensor sum = values(6, a) + values(4, b) * 3;
  EXPECT_TRUE(same(add->forward(a, b, 3).dequantize(), values(4, sum)));
  EXPECT_TRUE(same(copy_of(*add)->forward(a, b).dequantize(), add->forward(a, b).dequantize()));
}

TEST(QuantizedArithmetic, Mul) {
  const torch::Tensor a = random_data({3, 4}, 1), b = random_data({3, 1}, 2);
  QuantizedMul mul;
  {
    const ff::StrictGuard relaxed(false);
    EXPECT_TRUE(same(mul->forward(a, b), a * b));
  }
  quantize_dynamically(mul);
  EXPECT_TRUE(same(mul->forward(a, b).dequantize(), values(4, values(6, a) * values(4, b))));
  EXPECT_TRUE(same(copy_of(*mul)->forward(a, b).dequantize(), mul->forward(a, b).dequantize()));
}

TEST(QuantizedArithmetic, Cat) {
  const torch::Tensor a = random_data({3, 4}, 1), b = random_data({3, 2}, 2) * 9;
  QuantizedCat cat(1);
  {
    const ff::StrictGuard relaxed(false);
    EXPECT_TRUE(same(cat->forward({a, b}), torch::cat({a, b}, 1)));
  }
  quantize_dynamically(cat);
  EXPECT_TRUE(same(cat->forward({a, b}).dequantize(),
                   values(4, torch::cat({values(6, a), values(6, b)}, 1))));
  EXPECT_TRUE(same(copy_of(*cat)->forward({a, b}).dequantize(), cat->forward({a, b}).dequantize()));
}

TEST(QuantizedArithmetic, CatOfOneGridNeedsNoOutputQuantizer) {
  ff::nn::LinearQuantizer grid(8);
  grid->set_quantization_range(-3.0, 3.0);
  const torch::Tensor a = grid(random_data({3, 4}, 1)), b = grid(random_data({3, 4}, 2));
  const torch::Tensor joined = QuantizedCat(0)->forward({a, b});
  ASSERT_TRUE(ff::is_quantized(joined));
  EXPECT_TRUE(same(ff::codes(joined), torch::cat({ff::codes(a), ff::codes(b)})));
}

TEST(QuantizedArithmetic, StrictModeNamesTheOperand) {
  const torch::Tensor q = DynamicLinearQuantizer(8)(random_data({3, 4}, 1));
  const torch::Tensor plain = random_data({3, 4}, 1);
  EXPECT_ERROR(c10::TypeError,
               "QuantizedAdd: strict quantization: add got a plain tensor of shape [3, 4] as "
               "'other'",
               QuantizedAdd()->forward(q, plain));
  EXPECT_ERROR(c10::TypeError,
               "QuantizedMul: strict quantization: mul got a plain tensor of shape [3, 4] as "
               "'input'",
               QuantizedMul()->forward(plain, q));
  EXPECT_ERROR(c10::TypeError,
               "QuantizedCat: strict quantization: cat got a plain tensor of shape [3, 4] as "
               "'tensors[1]'",
               QuantizedCat()->forward({q, plain}));
  EXPECT_ERROR(c10::TypeError,
               "QuantizedMul: strict quantization: the output of mul, of shape [3, 4], is a plain "
               "tensor: QuantizerStub as output_quantizer did not quantize it.",
               QuantizedMul()->forward(q, q));
}

TEST(QuantizedArithmetic, PrintTheirTypes) {
  std::ostringstream stream;
  QuantizedAdd()->pretty_print(stream);
  QuantizedMul()->pretty_print(stream);
  QuantizedCat(2)->pretty_print(stream);
  EXPECT_EQ(stream.str(),
            "ff::nn::QuantizedAdd()ff::nn::QuantizedMul()ff::nn::QuantizedCat(dim=2)");
}

}  // namespace
