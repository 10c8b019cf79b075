#include "fastforward/nn/functional/attention.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "fastforward/dispatch/strict.h"
#include "fastforward/nn/dynamic_linear_quantizer.h"
#include "fastforward/tensor/quantized_tensor.h"
#include "support/expect_error.h"
#include "support/tensors.h"

namespace {

namespace qf = ff::nn::functional;

using ff::nn::DynamicLinearQuantizer;
using ff::nn::functional::AttentionOptions;
using ff::test::random_data;
using ff::test::same;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

struct Inputs {
  torch::Tensor query = random_data({2, 4, 3, 8}, 1);
  torch::Tensor key = random_data({2, 4, 5, 8}, 2);
  torch::Tensor value = random_data({2, 4, 5, 6}, 3);
};

torch::Tensor bool_mask() {
  return torch::tensor({{1, 0, 1, 1, 0}, {0, 0, 0, 0, 1}, {1, 1, 1, 1, 1}}).to(torch::kBool);
}

// LibTorch's own, of which there is one without fused kernels.
torch::Tensor libtorch(const Inputs& in, const torch::Tensor& mask = {}, bool causal = false,
                       std::optional<double> scale = std::nullopt, bool gqa = false) {
  return std::get<0>(at::_scaled_dot_product_attention_math(
      in.query, in.key, in.value, mask.defined() ? std::optional(mask) : std::nullopt, 0.0, causal,
      std::nullopt, scale, gqa));
}

TEST(FunctionalAttention, WithoutQuantizersItIsLibTorchs) {
  const ff::StrictGuard relaxed(false);
  const Inputs in;
  const torch::Tensor added = random_data({3, 5}, 4);
  const auto ours = [&](const AttentionOptions& options) {
    return qf::scaled_dot_product_attention(in.query, in.key, in.value, options);
  };
  EXPECT_TRUE(same(ours({}), libtorch(in)));
  EXPECT_TRUE(same(ours({.attn_mask = added}), libtorch(in, added)));
  const torch::Tensor filled = torch::zeros({3, 5}).masked_fill(~bool_mask(), -kInfinity);
  EXPECT_TRUE(same(ours({.attn_mask = bool_mask()}), libtorch(in, filled)));
  // The public form may run a fused kernel, which sums in another order.
  EXPECT_TRUE(torch::allclose(
      ours({.attn_mask = bool_mask()}),
      torch::scaled_dot_product_attention(in.query, in.key, in.value, bool_mask()), 1e-4, 1e-5));
  EXPECT_TRUE(same(ours({.is_causal = true}), libtorch(in, {}, true)));
  EXPECT_TRUE(same(ours({.scale = 0.3}), libtorch(in, {}, false, 0.3)));
  Inputs few = in;
  few.key = few.key.slice(1, 0, 2);
  few.value = few.value.slice(1, 0, 2);
  EXPECT_TRUE(
      same(qf::scaled_dot_product_attention(few.query, few.key, few.value, {.enable_gqa = true}),
           libtorch(few, {}, false, std::nullopt, true)));
}

TEST(FunctionalAttention, QueriesWithoutKeysGetZeros) {
  const ff::StrictGuard relaxed(false);
  Inputs in;
  in.query.requires_grad_();
  torch::Tensor mask = bool_mask();
  mask[1].fill_(false);
  const torch::Tensor y =
      qf::scaled_dot_product_attention(in.query, in.key, in.value, {.attn_mask = mask});
  EXPECT_TRUE(same(y.select(2, 1).detach(), torch::zeros({2, 4, 6})));
  y.sum().backward();
  EXPECT_TRUE(in.query.grad().isfinite().all().item<bool>());
}

TEST(FunctionalAttention, DropoutDropsWeights) {
  const ff::StrictGuard relaxed(false);
  const Inputs in;
  torch::manual_seed(5);
  const torch::Tensor got =
      qf::scaled_dot_product_attention(in.query, in.key, in.value, {.dropout_p = 0.5});
  torch::manual_seed(5);
  const double factor = std::sqrt(1 / std::sqrt(8.0));
  const torch::Tensor weights =
      torch::softmax(torch::matmul(in.query * factor, in.key.transpose(-2, -1) * factor), -1);
  EXPECT_TRUE(same(got, torch::matmul(torch::dropout(weights, 0.5, true), in.value)));
}

torch::Tensor values(const torch::Tensor& data) {
  return DynamicLinearQuantizer(6)(data).dequantize();
}

AttentionOptions quantizing(const torch::Tensor& mask, double neg_inf) {
  const DynamicLinearQuantizer q(6);
  return {.attn_mask = mask,
          .neg_inf = neg_inf,
          .scaled_query_quantizer = q,
          .scaled_key_quantizer = q,
          .attn_scores_quantizer = q,
          .attn_mask_quantizer = q,
          .masked_scores_quantizer = q,
          .attn_weights_quantizer = q};
}

TEST(FunctionalAttention, EachStepHasItsQuantizer) {
  const Inputs in;
  const torch::Tensor query = DynamicLinearQuantizer(6)(in.query),
                      key = DynamicLinearQuantizer(6)(in.key),
                      value = DynamicLinearQuantizer(6)(in.value);
  const torch::Tensor mask = torch::zeros({3, 5}).masked_fill(bool_mask().logical_not(), -20.0);
  const torch::Tensor got =
      qf::scaled_dot_product_attention(query, key, value, quantizing(bool_mask(), -20.0),
                                       {.output_quantizer = DynamicLinearQuantizer(6)});
  ASSERT_TRUE(ff::is_quantized(got)) << "in strict mode";
  const double factor = std::sqrt(1 / std::sqrt(8.0));
  const torch::Tensor q = values(query.dequantize() * factor);
  const torch::Tensor k = values(key.dequantize().transpose(-2, -1) * factor);
  const torch::Tensor scores = values(values(torch::matmul(q, k)) + values(mask));
  const torch::Tensor weights = values(torch::softmax(scores, -1));
  EXPECT_TRUE(same(got.dequantize(), values(torch::matmul(weights, value.dequantize()))));
}

TEST(FunctionalAttention, NarrowTypesAreComputedInFloat32) {
  const ff::StrictGuard relaxed(false);
  const Inputs in;
  const Inputs narrow{in.query.to(torch::kBFloat16), in.key.to(torch::kBFloat16),
                      in.value.to(torch::kBFloat16)};
  const Inputs wide{narrow.query.to(torch::kFloat), narrow.key.to(torch::kFloat),
                    narrow.value.to(torch::kFloat)};
  EXPECT_TRUE(same(qf::scaled_dot_product_attention(narrow.query, narrow.key, narrow.value),
                   libtorch(wide).to(torch::kBFloat16)));
}

TEST(FunctionalAttention, NarrowQuantizedTensorsInStrictMode) {
  const Inputs in;
  const auto narrow = [](const torch::Tensor& data) {
    return DynamicLinearQuantizer(6)(data.to(torch::kHalf));
  };
  const torch::Tensor y = qf::scaled_dot_product_attention(
      narrow(in.query), narrow(in.key), narrow(in.value), quantizing({}, -kInfinity),
      {.output_quantizer = DynamicLinearQuantizer(6)});
  EXPECT_TRUE(ff::is_quantized(y));
  EXPECT_EQ(y.scalar_type(), torch::kHalf);
}

TEST(FunctionalAttention, StrictModeNamesTheStep) {
  const Inputs in;
  const DynamicLinearQuantizer q(6);
  const torch::Tensor query = q.ptr()->forward(in.query), key = q.ptr()->forward(in.key),
                      value = q.ptr()->forward(in.value);
  const auto without = [&](ff::nn::Quantizer AttentionOptions::*member) {
    AttentionOptions options = quantizing(bool_mask(), -20.0);
    options.*member = nullptr;
    qf::scaled_dot_product_attention(query, key, value, options, {.output_quantizer = q});
  };
  EXPECT_ERROR(c10::TypeError,
               "scaled_dot_product_attention got a plain tensor of shape [2, 4, 5, "
               "6] as 'value'",
               qf::scaled_dot_product_attention(query, key, in.value));
  EXPECT_ERROR(c10::TypeError, "the output of the scaled query",
               without(&AttentionOptions::scaled_query_quantizer));
  EXPECT_ERROR(c10::TypeError, "the output of the scaled key",
               without(&AttentionOptions::scaled_key_quantizer));
  EXPECT_ERROR(c10::TypeError, "the output of matmul",
               without(&AttentionOptions::attn_scores_quantizer));
  EXPECT_ERROR(c10::TypeError, "the mask got a plain tensor of shape [3, 5] as 'attn_mask'",
               without(&AttentionOptions::attn_mask_quantizer));
  EXPECT_ERROR(c10::TypeError, "the output of the mask",
               without(&AttentionOptions::masked_scores_quantizer));
  EXPECT_ERROR(c10::TypeError, "the output of softmax",
               without(&AttentionOptions::attn_weights_quantizer));
  EXPECT_ERROR(c10::TypeError,
               "the output of scaled_dot_product_attention, of shape [2, 4, 3, 6], is a plain "
               "tensor: there is no output_quantizer.",
               qf::scaled_dot_product_attention(query, key, value, quantizing(bool_mask(), -20.0)));
}

TEST(FunctionalAttention, Errors) {
  const Inputs in;
  EXPECT_ERROR(c10::ValueError,
               "scaled_dot_product_attention: is_causal is true and there is an attn_mask of shape "
               "[3, 5]; give one of the two.",
               qf::scaled_dot_product_attention(in.query, in.key, in.value,
                                                {.attn_mask = bool_mask(), .is_causal = true}));
  EXPECT_ERROR(c10::NotImplementedError, "enable_gqa repeats heads, which has no quantized form",
               qf::scaled_dot_product_attention(in.query, in.key, in.value, {.enable_gqa = true}));
}

}  // namespace
