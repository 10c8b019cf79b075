#include "fastforward/nn/quantized_attention.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "fastforward/nn/dynamic_linear_quantizer.h"
#include "fastforward/nn/quantized_linear.h"
#include "fastforward/nn/quantizer_stub.h"
#include "nn/attention_setup.h"
#include "nn/layer_checks.h"

namespace {

using ff::nn::QuantizedLinear;
using ff::nn::QuantizedMultiheadAttention;
using ff::nn::QuantizedMultiheadAttentionImpl;
using ff::test::attn_mask;
using ff::test::calibrate;
using ff::test::copy_of;
using ff::test::kBatch;
using ff::test::kHeads;
using ff::test::kSize;
using ff::test::kSource;
using ff::test::kTarget;
using ff::test::make_attention;
using ff::test::padding_mask;
using ff::test::random_data;
using ff::test::same;
using torch::nn::MultiheadAttention;
using torch::nn::MultiheadAttentionImpl;
using torch::nn::MultiheadAttentionOptions;

void expect_like_libtorch(const MultiheadAttentionOptions& options, const torch::Tensor& query,
                          const torch::Tensor& key, const torch::Tensor& value) {
  MultiheadAttention plain = make_attention(options);
  QuantizedMultiheadAttention twin(*copy_of(*plain));
  EXPECT_EQ(twin->named_parameters().keys(), plain->named_parameters().keys());
  const ff::StrictGuard relaxed(false);
  const torch::Tensor mask = attn_mask(query.size(0), key.size(0));
  const torch::Tensor padding = padding_mask(key.size(0));
  const torch::Tensor none;
  for (const auto& [m, p] : std::vector<std::pair<torch::Tensor, torch::Tensor>>{
           {none, none}, {mask, none}, {none, padding}, {mask, padding}}) {
    for (const bool average : {true, false}) {
      const auto expected = plain->forward(query, key, value, p, true, m, average);
      const auto got = twin->forward(query, key, value, p, true, m, average);
      EXPECT_TRUE(same(std::get<0>(got), std::get<0>(expected)));
      EXPECT_TRUE(same(std::get<1>(got), std::get<1>(expected)));
    }
    const auto without = twin->forward(query, key, value, p, /*need_weights=*/false, m);
    EXPECT_FALSE(std::get<1>(without).defined());
  }
}

TEST(QuantizedAttention, WithoutQuantizersItIsLibTorchs) {
  const torch::Tensor q = random_data({kTarget, kBatch, kSize}, 1);
  const torch::Tensor k = random_data({kSource, kBatch, kSize}, 2);
  const torch::Tensor v = random_data({kSource, kBatch, kSize}, 3);
  for (const bool bias : {true, false}) {
    for (const bool bias_kv : {true, false}) {
      for (const bool zeros : {true, false}) {
        const auto options = MultiheadAttentionOptions(kSize, kHeads)
                                 .bias(bias)
                                 .add_bias_kv(bias_kv)
                                 .add_zero_attn(zeros);
        SCOPED_TRACE(std::to_string(bias) + std::to_string(bias_kv) + std::to_string(zeros));
        expect_like_libtorch(options, q, k, v);
        expect_like_libtorch(options, q, q, q);
        expect_like_libtorch(options, q, q.clone(), q.clone());
        expect_like_libtorch(options, q, k, k);
      }
    }
    const auto apart = MultiheadAttentionOptions(kSize, kHeads).bias(bias).kdim(6).vdim(6);
    expect_like_libtorch(apart, q, k.slice(2, 0, 6), v.slice(2, 0, 6));
  }
}

TEST(QuantizedAttention, OneQuantizedTensorIsProjectedOnce) {
  MultiheadAttention plain = make_attention(MultiheadAttentionOptions(kSize, kHeads));
  QuantizedMultiheadAttention twin(*copy_of(*plain));
  const torch::Tensor q = ff::nn::DynamicLinearQuantizer(8)(random_data({3, kBatch, kSize}, 1));
  const torch::Tensor k = ff::nn::DynamicLinearQuantizer(8)(random_data({5, kBatch, kSize}, 2));
  const ff::StrictGuard relaxed(false);
  const torch::Tensor x = q.dequantize(), y = k.dequantize();
  EXPECT_TRUE(same(std::get<0>(twin->forward(q, q, q)), std::get<0>(plain->forward(x, x, x))));
  EXPECT_TRUE(same(std::get<0>(twin->forward(q, k, k)), std::get<0>(plain->forward(x, y, y))));
}

TEST(QuantizedAttention, DropoutDrawsWhatLibTorchDraws) {
  MultiheadAttention plain = make_attention(MultiheadAttentionOptions(kSize, kHeads).dropout(0.5));
  QuantizedMultiheadAttention twin(*copy_of(*plain));
  const torch::Tensor q = random_data({kTarget, kBatch, kSize}, 1);
  const ff::StrictGuard relaxed(false);
  torch::manual_seed(3);
  const auto expected = plain->forward(q, q, q);
  torch::manual_seed(3);
  const auto got = twin->forward(q, q, q);
  EXPECT_TRUE(same(std::get<0>(got), std::get<0>(expected)));
  plain->eval();
  twin->eval();
  EXPECT_TRUE(same(std::get<0>(twin->forward(q, q, q)), std::get<0>(plain->forward(q, q, q))));
}

// The same computation with explicit operations: the definition, step by step.
torch::Tensor explicit_attention(QuantizedMultiheadAttentionImpl& a, const torch::Tensor& query,
                                 const torch::Tensor& key, const torch::Tensor& value,
                                 const torch::Tensor& mask) {
  const auto quantized = [&a](const char* name, const torch::Tensor& data) {
    return ff::test::fake(a.quantizer(name), data);
  };
  const auto heads = [](const torch::Tensor& x) {
    return x.contiguous().view({-1, kBatch * kHeads, kSize / kHeads}).transpose(0, 1);
  };
  namespace F = torch::nn::functional;
  const torch::Tensor w = quantized("in_proj_weight_quantizer", a.in_proj_weight);
  const torch::Tensor b = quantized("in_proj_bias_quantizer", a.in_proj_bias);
  const auto rows = [](const torch::Tensor& t, int64_t i) {
    return t.slice(0, i * kSize, (i + 1) * kSize);
  };
  const torch::Tensor q0 = F::linear(quantized("query_quantizer", query), rows(w, 0), rows(b, 0));
  const torch::Tensor k0 = F::linear(quantized("key_quantizer", key), rows(w, 1), rows(b, 1));
  const torch::Tensor v0 = F::linear(quantized("value_quantizer", value), rows(w, 2), rows(b, 2));
  const torch::Tensor q =
      quantized("scaled_query_quantizer", heads(q0 * (1 / std::sqrt(kSize / kHeads))));
  const torch::Tensor k = quantized("projected_key_quantizer", heads(k0));
  const torch::Tensor v = quantized("projected_value_quantizer", heads(v0));
  const torch::Tensor scores = quantized("attn_scores_quantizer", torch::bmm(q, k.transpose(1, 2)));
  const torch::Tensor weights =
      quantized("attn_weights_quantizer", torch::softmax(scores + mask.unsqueeze(0), -1));
  const torch::Tensor output = quantized("attn_output_quantizer", torch::bmm(weights, v));
  const auto& out_proj = *a.out_proj->as<QuantizedLinear>();
  const torch::Tensor joined =
      output.transpose(0, 1).contiguous().view({query.size(0), kBatch, kSize});
  return ff::test::fake(
      out_proj.output_quantizer(),
      F::linear(joined, ff::test::fake(out_proj.weight_quantizer(), out_proj.weight),
                ff::test::fake(out_proj.bias_quantizer(), out_proj.bias)));
}

void expect_trains_as_explicit_operations(const torch::Tensor& q, const torch::Tensor& k,
                                          const torch::Tensor& v) {
  QuantizedMultiheadAttention attention(*make_attention(MultiheadAttentionOptions(kSize, kHeads)));
  const torch::Tensor mask = attn_mask(q.size(0), k.size(0));
  calibrate(attention, q, k, v);
  const torch::Tensor output = std::get<0>(attention->forward(q, k, v, {}, true, mask));
  ASSERT_TRUE(ff::is_quantized(output));
  const torch::Tensor expected = explicit_attention(*attention, q, k, v, mask);
  EXPECT_TRUE(same(output.dequantize(), expected));
  std::vector<torch::Tensor> leaves = attention->parameters();
  leaves.insert(leaves.end(), {q, k, v});
  const auto got = ff::test::gradients(output.dequantize(), leaves);
  const auto wanted = ff::test::gradients(expected, leaves);
  for (size_t i = 0; i < leaves.size(); ++i) {
    ASSERT_TRUE(wanted[i].defined());
    EXPECT_TRUE(same(got[i], wanted[i])) << "gradient " << i;
  }
}

TEST(QuantizedAttention, TrainsAsExplicitOperations) {
  const torch::Tensor q = random_data({kTarget, kBatch, kSize}, 1).requires_grad_();
  const torch::Tensor k = random_data({kSource, kBatch, kSize}, 2).requires_grad_();
  const torch::Tensor v = random_data({kSource, kBatch, kSize}, 3).requires_grad_();
  expect_trains_as_explicit_operations(q, k, v);
  // Three quantizers of one tensor: each has its own gradient.
  expect_trains_as_explicit_operations(q, q, q);
  expect_trains_as_explicit_operations(q, k, k);
}

TEST(QuantizedAttention, PartsHaveTheirPlaces) {
  const QuantizedMultiheadAttention together(kSize, kHeads);
  EXPECT_EQ(together->quantizer_names(),
            (std::set<std::string>{"query_quantizer", "key_quantizer", "value_quantizer",
                                   "in_proj_weight_quantizer", "in_proj_bias_quantizer",
                                   "scaled_query_quantizer", "projected_key_quantizer",
                                   "projected_value_quantizer", "attn_scores_quantizer",
                                   "attn_weights_quantizer", "attn_output_quantizer"}));
  EXPECT_EQ(together->quantizer("in_proj_weight_quantizer")->metadata().shape(),
            (std::vector<int64_t>{3 * kSize, kSize}));
  EXPECT_NE(together->out_proj->as<QuantizedLinear>(), nullptr);
  EXPECT_EQ(together->name(), "ff::nn::QuantizedMultiheadAttentionImpl");
  const QuantizedMultiheadAttention apart(
      MultiheadAttentionOptions(kSize, kHeads).kdim(6).vdim(4).bias(false));
  EXPECT_FALSE(apart->has_quantizer("in_proj_weight_quantizer"));
  EXPECT_FALSE(apart->has_quantizer("in_proj_bias_quantizer"));
  EXPECT_EQ(apart->quantizer("k_proj_weight_quantizer")->metadata().shape(),
            (std::vector<int64_t>{kSize, 6}));
}

TEST(QuantizedAttention, KeysAndValuesOfDifferentSizes) {
  QuantizedMultiheadAttention attention(MultiheadAttentionOptions(kSize, kHeads).kdim(6).vdim(4));
  const torch::Tensor q = random_data({kTarget, kBatch, kSize}, 1);
  const torch::Tensor k = random_data({kSource, kBatch, 6}, 2);
  const torch::Tensor v = random_data({kSource, kBatch, 4}, 3);
  const ff::StrictGuard relaxed(false);
  // LibTorch's C++ wants them of one size: zeros make up for what is missing.
  MultiheadAttention plain(MultiheadAttentionOptions(kSize, kHeads).kdim(6).vdim(6));
  {
    const torch::NoGradGuard no_grad;
    for (const auto& parameter : attention->named_parameters()) {
      torch::Tensor other = plain->named_parameters()[parameter.key()];
      other.zero_();
      (other.dim() == 2 ? other.slice(1, 0, parameter->size(1)) : other).copy_(*parameter);
    }
  }
  const torch::Tensor padded = torch::constant_pad_nd(v, {0, 2});
  // Products with more zeros may be summed up in another order.
  EXPECT_TRUE(torch::allclose(std::get<0>(attention->forward(q, k, v)),
                              std::get<0>(plain->forward(q, k, padded)), 1e-5, 1e-6));
}

TEST(QuantizedAttention, ClonesAndStates) {
  QuantizedMultiheadAttention attention(*make_attention(
      MultiheadAttentionOptions(kSize, kHeads).add_bias_kv(true).add_zero_attn(true)));
  const torch::Tensor q = random_data({kTarget, kBatch, kSize}, 1);
  calibrate(attention, q, q, q);
  const torch::Tensor expected = std::get<0>(attention->forward(q, q, q)).dequantize();
  auto copy = copy_of(*attention);
  EXPECT_TRUE(same(std::get<0>(copy->forward(q, q, q)).dequantize(), expected));
  EXPECT_NE(copy->out_proj.ptr(), attention->out_proj.ptr());
  EXPECT_TRUE(copy->out_proj->weight.is_same(copy->named_parameters()["out_proj.weight"]));

  // Inside of a model of the user's own, LibTorch assigns the plain part only.
  struct ModelImpl : torch::nn::Cloneable<ModelImpl> {
    ModelImpl() {
      reset();
    }
    void reset() override {
      attention = register_module(
          "attention",
          QuantizedMultiheadAttention(
              MultiheadAttentionOptions(kSize, kHeads).add_bias_kv(true).add_zero_attn(true)));
    }
    QuantizedMultiheadAttention attention = nullptr;
  };
  ModelImpl model;
  model.attention = attention;
  model.replace_module("attention", attention);
  auto model_copy = std::dynamic_pointer_cast<ModelImpl>(model.clone());
  EXPECT_TRUE(same(std::get<0>(model_copy->attention->forward(q, q, q)).dequantize(), expected));

  std::stringstream state;
  torch::save(attention, state);
  QuantizedMultiheadAttention fresh(attention->options);
  ff::test::add_quantizers(*fresh, *fresh);
  auto& projection = *fresh->out_proj->as<QuantizedLinear>();
  ff::test::add_quantizers(projection, projection);
  ff::nn::replace_quantizer(projection, "input_quantizer", ff::nn::QuantizerStub());
  torch::load(fresh, state);
  EXPECT_TRUE(same(std::get<0>(fresh->forward(q, q, q)).dequantize(), expected));
}

}  // namespace
