#include <gtest/gtest.h>
#include <torch/types.h>

#include <optional>
#include <vector>

#include "fastforward/dispatch/strict.h"
#include "fastforward/quantization/affine.h"
#include "support/expect_error.h"
#include "support/tensors.h"

namespace {

using ff::StrictGuard;
using ff::test::floats;
using ff::test::same;

torch::Tensor quantized(const std::vector<float>& data) {
  return ff::quantize_per_tensor(floats(data), 0.5);
}

TEST(Fallback, StrictErrorsNameOperatorArgumentAndRemedy) {
  const torch::Tensor q = quantized({-1, 2});
  EXPECT_ERROR(c10::NotImplementedError,
               "strict quantization: aten::relu has no quantized implementation for argument "
               "'self', which is a quantized tensor of shape [2] by AffineQuantizationFunction. "
               "Call dequantize() on it first, or let operators do that with "
               "ff::StrictGuard relaxed(false).",
               torch::relu(q));
  EXPECT_ERROR(c10::NotImplementedError,
               "aten::add.Tensor has no quantized implementation for "
               "argument 'other'",
               torch::ones({2}) + q);
  EXPECT_ERROR(c10::NotImplementedError, "aten::linear",
               torch::linear(torch::ones({3, 2}), quantized({1, 2}).view({1, 2})));
}

TEST(Fallback, ItemIsStrict) {
  const torch::Tensor q = ff::quantize_per_tensor(torch::tensor(0.7F), 0.5);
  EXPECT_ERROR(c10::NotImplementedError, "strict quantization: aten::item", q.item());
  EXPECT_ERROR(c10::NotImplementedError, "strict quantization: aten::item", q.item<float>());
  const StrictGuard relaxed(false);
  EXPECT_EQ(q.item<float>(), 0.5F);
}

TEST(Fallback, RelaxedDequantizesTheArguments) {
  const StrictGuard relaxed(false);
  const torch::Tensor q = quantized({-1, 2});
  const torch::Tensor y = torch::relu(q);
  EXPECT_FALSE(ff::is_quantized(y));
  EXPECT_TRUE(same(y, floats({0, 2})));
  EXPECT_TRUE(same(q + q, floats({-2, 4})));
  EXPECT_TRUE(same(torch::ones({2}) - q, floats({2, -1})));
}

TEST(Fallback, RelaxedReachesIntoListsAndOptionals) {
  const StrictGuard relaxed(false);
  const torch::Tensor q = quantized({-1, 2}), plain = floats({7});
  EXPECT_TRUE(same(torch::cat({q, plain}), floats({-1, 2, 7})));
  EXPECT_TRUE(same(
      torch::linear(floats({1, 2}).view({1, 2}), quantized({3, 4}).view({1, 2}), quantized({5})),
      floats({16}).view({1, 1})))
      << "an optional bias";
  // index takes a list of optional tensors; these are not quantized, the first argument is.
  EXPECT_TRUE(same(q.index({torch::tensor({1, 0})}), floats({2, -1})));
}

TEST(Fallback, RelaxedCarriesGradients) {
  const StrictGuard relaxed(false);
  const torch::Tensor data = floats({-1, 2}).requires_grad_();
  const torch::Tensor q = ff::quantize_per_tensor(data, 0.5);
  (torch::relu(q) * floats({3, 5})).sum().backward();
  EXPECT_TRUE(same(data.grad(), floats({0, 5})));
}

TEST(Fallback, WritesIntoQuantizedTensorsAreRefusedInBothModes) {
  for (const bool strict : {true, false}) {
    const StrictGuard guard(strict);
    torch::Tensor q = quantized({-1, 2});
    EXPECT_ERROR(c10::NotImplementedError,
                 "aten::add_ writes into argument 'self', which is a quantized tensor of shape [2] "
                 "by AffineQuantizationFunction; a quantized tensor is never changed in place. "
                 "Call dequantize() on it first.",
                 q.add_(1));
    EXPECT_ERROR(c10::NotImplementedError, "aten::relu_ writes into", q.relu_());
    EXPECT_ERROR(c10::NotImplementedError, "aten::zero_ writes into", q.zero_());
    EXPECT_ERROR(c10::NotImplementedError, "aten::copy_ writes into", q.copy_(torch::ones({2})));
    EXPECT_ERROR(c10::NotImplementedError, "aten::fill_ writes into", q[0].fill_(1.0));
    EXPECT_ERROR(c10::NotImplementedError, "aten::resize_ writes into", q.resize_({3}));
    EXPECT_ERROR(c10::NotImplementedError, "writes into argument 'out'",
                 torch::add_out(q, torch::ones({2}), torch::ones({2})));
    EXPECT_ERROR(c10::NotImplementedError, "aten::index_put_ writes into",
                 q.index_put_({torch::tensor({0})}, torch::ones({1})));
    EXPECT_TRUE(same(q.dequantize(), floats({-1, 2}))) << "nothing has changed";
  }
}

TEST(Fallback, QuantizedTensorsAreReadIntoPlainOnesWhenRelaxed) {
  torch::Tensor plain = torch::zeros({2});
  EXPECT_ERROR(c10::NotImplementedError,
               "aten::copy_ has no quantized implementation for argument "
               "'src'",
               plain.copy_(quantized({-1, 2})));
  const StrictGuard relaxed(false);
  plain.copy_(quantized({-1, 2}));
  EXPECT_TRUE(same(plain, floats({-1, 2})));
  plain.add_(quantized({1, 1}));
  EXPECT_TRUE(same(plain, floats({0, 3})));
  torch::add_out(plain, quantized({1, 1}), quantized({2, 3}));
  EXPECT_TRUE(same(plain, floats({3, 4})));
}

TEST(Fallback, MultipleResultsAndNoTensorResults) {
  const StrictGuard relaxed(false);
  const torch::Tensor q = quantized({-1, 2});
  const auto [values, indices] = torch::max(q, 0);
  EXPECT_EQ(values.item<float>(), 2);
  EXPECT_EQ(indices.item<int64_t>(), 1);
  EXPECT_TRUE(torch::equal(q, floats({-1, 2})));
  EXPECT_TRUE(torch::allclose(q, q));
}

TEST(Fallback, GuardInAFunctionOfTheUser) {
  const auto relaxed_sum = [](const torch::Tensor& tensor) {
    const StrictGuard relaxed(false);
    return tensor.sum().item<float>();
  };
  EXPECT_EQ(relaxed_sum(quantized({1, 2})), 3);
  EXPECT_ERROR(c10::NotImplementedError, "aten::sum", quantized({1, 2}).sum());
}

}  // namespace
