#include <gtest/gtest.h>
#include <torch/torch.h>

#include "fastforward/dispatch/strict.h"
#include "fastforward/nn/linear_quantizer.h"
#include "fastforward/tensor/quantized_tensor.h"
#include "support/expect_error.h"
#include "support/tensors.h"

namespace {

using ff::test::random_data;
using ff::test::same;

torch::Tensor quantized() {
  ff::nn::LinearQuantizer quantizer(8);
  quantizer->set_quantization_range(-3.0, 3.0);
  return quantizer(random_data({2, 3, 4, 4}, 1));
}

TEST(Dropout, InEvalModeQuantizedTensorsPass) {
  const torch::Tensor q = quantized();
  for (const torch::Tensor& y :
       {torch::dropout(q, 0.5, false), torch::feature_dropout(q, 0.5, false),
        torch::alpha_dropout(q, 0.5, false), torch::dropout(q, 0.0, true)}) {
    ASSERT_TRUE(ff::is_quantized(y));
    EXPECT_TRUE(same(y.dequantize(), q.dequantize()));
  }
  torch::nn::Dropout dropout;
  dropout->eval();
  EXPECT_TRUE(ff::is_quantized(dropout(q)));
}

TEST(Dropout, InTrainingItSaysWhyNot) {
  const torch::Tensor q = quantized();
  EXPECT_ERROR(c10::NotImplementedError,
               "not 'dropout that drops nothing': it drops elements, and what it scales the others "
               "by is not on their grid; call eval() on the model",
               torch::nn::Dropout()(q));
  const ff::StrictGuard relaxed(false);
  torch::manual_seed(1);
  const torch::Tensor dropped = torch::dropout(q, 0.5, true);
  torch::manual_seed(1);
  EXPECT_TRUE(same(dropped, torch::dropout(q.dequantize(), 0.5, true)));
}

}  // namespace
