#include "fastforward/quantization/autograd_function.h"

#include <gtest/gtest.h>
#include <torch/autograd.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <optional>

#include "support/expect_error.h"
#include "support/tensors.h"

namespace {

using ff::test::floats;
using ff::test::same;
using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

struct Joint : ff::QuantizationAutogradFunction<Joint> {
  static torch::Tensor quantize(AutogradContext* ctx, const torch::Tensor& data,
                                const torch::Tensor& scale, std::optional<torch::Tensor> offset) {
    ctx->save_for_backward({data, scale});
    ctx->saved_data["has_offset"] = offset.has_value();
    under_autograd = torch::GradMode::is_enabled();
    ++quantized;
    return (data / scale).round().to(torch::kInt);
  }
  static torch::Tensor dequantize(const torch::Tensor& codes, const torch::Tensor& scale,
                                  std::optional<torch::Tensor>) {
    return codes * scale;
  }
  // Numbers that no derivative gives, to see that they come from here.
  static tensor_list quant_dequant_backward(AutogradContext* ctx, const torch::Tensor& gradient) {
    ++backwards;
    const auto saved = ctx->get_saved_variables();
    return {gradient * 2 + saved[0] * 0, saved[1] * 0 + gradient.sum() * 3,
            ctx->saved_data["has_offset"].toBool() ? gradient.sum().reshape({1}) : torch::Tensor()};
  }
  static inline int quantized = 0, backwards = 0;
  static inline bool under_autograd = true;
};

TEST(AutogradFunction, UsesTheJointBackward) {
  const torch::Tensor data = floats({1, 2}).requires_grad_();
  const torch::Tensor scale = floats({0.5}).requires_grad_();
  const torch::Tensor offset = floats({0}).requires_grad_();
  const torch::Tensor q = Joint::apply(data, scale, offset);
  EXPECT_TRUE(same(ff::codes(q), torch::tensor({2, 4}, torch::kInt)));
  (q.dequantize() * floats({5, 7})).sum().backward();
  EXPECT_TRUE(same(data.grad(), floats({10, 14})));
  EXPECT_TRUE(same(scale.grad(), floats({36})));
  EXPECT_TRUE(same(offset.grad(), floats({12})));
}

TEST(AutogradFunction, BackwardRunsOnceForSeveralDequantizes) {
  const torch::Tensor data = floats({1, 2}).requires_grad_();
  const torch::Tensor q = Joint::apply(data, floats({0.5}));
  Joint::backwards = 0;
  (q.dequantize().sum() + 10 * q.dequantize().sum()).backward();
  EXPECT_EQ(Joint::backwards, 1);
  EXPECT_TRUE(same(data.grad(), floats({22, 22})));
}

TEST(AutogradFunction, QuantizesOnceAndNotUnderAutograd) {
  for (const bool wanted : {false, true}) {
    const torch::Tensor data = floats({1, 2}).requires_grad_(wanted);
    Joint::quantized = 0;
    Joint::under_autograd = true;
    const torch::Tensor q = Joint::apply(data, floats({0.5}));
    EXPECT_EQ(Joint::quantized, 1);
    EXPECT_FALSE(Joint::under_autograd);
    EXPECT_EQ(q.dequantize().requires_grad(), wanted);
    EXPECT_EQ(ff::gradient_carrier(q).defined(), wanted);
  }
}

TEST(AutogradFunction, AnOptionalParameterAloneCanWantAGradient) {
  const torch::Tensor offset = floats({0}).requires_grad_();
  Joint::apply(floats({1, 2}), floats({0.5}), offset).dequantize().sum().backward();
  EXPECT_TRUE(same(offset.grad(), floats({2})));
}

TEST(AutogradFunction, NothingIsKeptWithoutGradients) {
  const torch::Tensor data = floats({1, 2}).requires_grad_();
  const torch::NoGradGuard no_grad;
  const torch::Tensor q = Joint::apply(data, floats({0.5}));
  EXPECT_FALSE(ff::gradient_carrier(q).defined());
  EXPECT_TRUE(same(q.dequantize(), floats({1, 2})));
}

TEST(AutogradFunction, TheCarrierTakesNoMemory) {
  const torch::Tensor data = torch::ones({100, 100}).requires_grad_();
  const torch::Tensor carrier = ff::gradient_carrier(Joint::apply(data, floats({0.5})));
  EXPECT_EQ(carrier.sizes(), data.sizes());
  EXPECT_LE(carrier.storage().nbytes(), 16U);
}

struct TooFew : ff::QuantizationAutogradFunction<TooFew> {
  static torch::Tensor quantize(AutogradContext*, const torch::Tensor& data,
                                const torch::Tensor& scale) {
    return (data / scale).round();
  }
  static torch::Tensor dequantize(const torch::Tensor& codes, const torch::Tensor& scale) {
    return codes * scale;
  }
  static tensor_list quant_dequant_backward(AutogradContext*, const torch::Tensor& gradient) {
    return {gradient};
  }
};

TEST(AutogradFunction, WrongNumberOfGradientsIsAnError) {
  const torch::Tensor data = floats({1, 2}).requires_grad_();
  const torch::Tensor y = TooFew::apply(data, floats({0.5})).dequantize().sum();
  EXPECT_ERROR(c10::ValueError,
               "TooFew::quant_dequant_backward returned 1 gradients; expected one for the data and "
               "one for each of the 1 arguments",
               y.backward());
}

}  // namespace
