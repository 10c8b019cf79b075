#include "fastforward/nn/quantized_attention.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/zeros.h>
#include <c10/util/Exception.h>
#include <torch/nn/functional/activation.h>
#include <torch/nn/functional/dropout.h>

#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "fastforward/nn/functional/linear.h"
#include "fastforward/nn/quantized_linear.h"
#include "fastforward/tensor/quantized_tensor.h"
#include "nn/functional/call.h"
#include "nn/located.h"

namespace ff::nn {

namespace F = torch::nn::functional;

namespace {

using functional::plain;

// For a part whose output is quantized later only.
functional::FunctionalOptions without_quantizer() {
  return {.strict = false};
}

void check_operands(const char* product, std::initializer_list<functional::Operand> operands) {
  if (strict_quantization())
    functional::check_operands(product, operands);
}

void check_inputs(const torch::nn::MultiheadAttentionOptions& options, const at::Tensor& query,
                  const at::Tensor& key, const at::Tensor& value) {
  const auto check = [](const char* name, const at::Tensor& input, int64_t features) {
    TORCH_CHECK_VALUE(input.dim() == 3 && input.size(2) == features, name, " has shape ",
                      input.sizes(), "; expected [length, batch, ", features,
                      "], the batch as second axis.");
  };
  check("query", query, options.embed_dim());
  check("key", key, options.kdim());
  check("value", value, options.vdim());
  TORCH_CHECK_VALUE(key.size(0) == value.size(0) && key.size(1) == query.size(1) &&
                        value.size(1) == query.size(1),
                    "query, key and value have shapes ", query.sizes(), ", ", key.sizes(), " and ",
                    value.sizes(), "; all must have one batch size, key and value one length.");
}

void check_masks(const at::Tensor& attn_mask, const at::Tensor& key_padding_mask,
                 const at::Tensor& query, const at::Tensor& key) {
  if (attn_mask.defined()) {
    TORCH_CHECK_NOT_IMPLEMENTED(attn_mask.is_floating_point(), "attn_mask has type ",
                                attn_mask.scalar_type(),
                                "; only floating-point masks, which are added to the scores, are "
                                "supported: fill 0 where attention is allowed and -infinity where "
                                "it is not.");
    TORCH_CHECK_VALUE((attn_mask.sizes() == at::IntArrayRef{query.size(0), key.size(0)}),
                      "attn_mask has shape ", attn_mask.sizes(), "; expected [", query.size(0),
                      ", ", key.size(0), "], the lengths of query and key.");
  }
  if (key_padding_mask.defined()) {
    TORCH_CHECK_TYPE(key_padding_mask.scalar_type() == at::kBool, "key_padding_mask has type ",
                     key_padding_mask.scalar_type(),
                     "; expected Bool, true for keys to leave out.");
    TORCH_CHECK_VALUE((key_padding_mask.sizes() == at::IntArrayRef{key.size(1), key.size(0)}),
                      "key_padding_mask has shape ", key_padding_mask.sizes(), "; expected [",
                      key.size(1), ", ", key.size(0), "], batch and length of the key.");
  }
}

// Two that are quantized apart are projected apart, so that each quantizer gets its own gradient.
bool is_one(const at::Tensor& a, const at::Tensor& b) {
  return a.is_same(b) || (!is_quantized(a) && !is_quantized(b) && at::equal(a, b));
}

// More keys, which no mask leaves out, at the end of the last axis.
at::Tensor extend_mask(const at::Tensor& mask, int64_t more) {
  if (!mask.defined() || more == 0)
    return mask;
  return at::cat({mask, at::zeros({mask.size(0), more}, mask.options())}, 1);
}

at::Tensor slice_rows(const at::Tensor& tensor, int64_t begin, int64_t end) {
  const StrictGuard relaxed(false);
  return tensor.defined() ? tensor.slice(0, begin, end) : tensor;
}

at::Tensor transposed(const at::Tensor& heads) {
  const StrictGuard relaxed(false);
  return heads.transpose(1, 2);
}

// [N * heads, L, size] to [L, N, heads * size].
at::Tensor join_heads(const at::Tensor& heads, at::IntArrayRef sizes) {
  const StrictGuard relaxed(false);
  return heads.transpose(0, 1).contiguous().view(sizes);
}

at::Tensor masked(at::Tensor scores, const at::Tensor& attn_mask,
                  const at::Tensor& key_padding_mask) {
  if (attn_mask.defined())
    scores = scores + attn_mask.unsqueeze(0);
  if (!key_padding_mask.defined())
    return scores;
  const int64_t batch = key_padding_mask.size(0);
  return scores.reshape({batch, -1, scores.size(1), scores.size(2)})
      .masked_fill(key_padding_mask.unsqueeze(1).unsqueeze(2),
                   -std::numeric_limits<double>::infinity())
      .reshape(scores.sizes());
}

}  // namespace

bool QuantizedMultiheadAttentionImpl::register_parts() {
  const auto place = [this](const char* name, const Tag& tag) {
    register_quantizer(name, QuantizerMetadata({tag}));
  };
  const auto parameter = [this](const char* name, const at::Tensor& tensor, const Tag& tag) {
    if (tensor.defined())
      register_quantizer(name, QuantizerMetadata({tag}, tensor.sizes().vec()));
  };
  for (const char* name : {"query_quantizer", "key_quantizer", "value_quantizer"})
    place(name, default_tags::input_quantizer);
  parameter("in_proj_weight_quantizer", in_proj_weight, default_tags::weight_quantizer);
  parameter("q_proj_weight_quantizer", q_proj_weight, default_tags::weight_quantizer);
  parameter("k_proj_weight_quantizer", k_proj_weight, default_tags::weight_quantizer);
  parameter("v_proj_weight_quantizer", v_proj_weight, default_tags::weight_quantizer);
  parameter("in_proj_bias_quantizer", in_proj_bias, default_tags::bias_quantizer);
  for (const char* name :
       {"scaled_query_quantizer", "projected_key_quantizer", "projected_value_quantizer",
        "attn_scores_quantizer", "attn_weights_quantizer", "attn_output_quantizer"})
    place(name, default_tags::output_quantizer);
  const std::shared_ptr<torch::nn::LinearImpl> projection =
      std::make_shared<QuantizedLinearImpl>(*out_proj);
  out_proj = replace_module("out_proj", projection);
  return true;
}

void QuantizedMultiheadAttentionImpl::reset() {
  QuantizedLayer::reset();
  register_parts();
}

// The branches are LibTorch's, since one product of all rows rounds differently from three.
QuantizedMultiheadAttentionImpl::Projected QuantizedMultiheadAttentionImpl::project_together(
    const Projected& inputs) const {
  const at::Tensor weight = quantized("in_proj_weight_quantizer", in_proj_weight);
  const at::Tensor bias = quantized("in_proj_bias_quantizer", in_proj_bias);
  const int64_t size = options.embed_dim();
  check_operands("in_proj", {{"query", inputs.query},
                             {"key", inputs.key},
                             {"value", inputs.value},
                             {"in_proj_weight", weight}});
  const auto rows = [&](const at::Tensor& input, int64_t begin, int64_t end) {
    return plain(functional::linear(input, slice_rows(weight, begin * size, end * size),
                                    slice_rows(bias, begin * size, end * size),
                                    without_quantizer()));
  };
  if (!is_one(inputs.key, inputs.value))
    return {rows(inputs.query, 0, 1), rows(inputs.key, 1, 2), rows(inputs.value, 2, 3)};
  if (!is_one(inputs.query, inputs.key)) {
    const std::vector<at::Tensor> parts = rows(inputs.key, 1, 3).chunk(2, -1);
    return {rows(inputs.query, 0, 1), parts[0], parts[1]};
  }
  const std::vector<at::Tensor> parts =
      plain(functional::linear(inputs.query, weight, bias, without_quantizer())).chunk(3, -1);
  return {parts[0], parts[1], parts[2]};
}

QuantizedMultiheadAttentionImpl::Projected QuantizedMultiheadAttentionImpl::project_apart(
    const Projected& inputs) const {
  const at::Tensor bias = quantized("in_proj_bias_quantizer", in_proj_bias);
  const int64_t size = options.embed_dim();
  const auto part = [&](const at::Tensor& input, const char* name, const at::Tensor& weight,
                        int64_t begin) {
    const at::Tensor own_weight = quantized(std::string(name) + "_proj_weight_quantizer", weight);
    check_operands("in_proj", {{"input", input}, {"weight", own_weight}});
    return plain(functional::linear(input, own_weight,
                                    slice_rows(bias, begin * size, (begin + 1) * size),
                                    without_quantizer()));
  };
  return {part(inputs.query, "q", q_proj_weight, 0), part(inputs.key, "k", k_proj_weight, 1),
          part(inputs.value, "v", v_proj_weight, 2)};
}

at::Tensor QuantizedMultiheadAttentionImpl::split_heads(const at::Tensor& projected) const {
  return projected.contiguous()
      .view({-1, projected.size(1) * options.num_heads(), head_dim})
      .transpose(0, 1);
}

// Heads of the keys or values, with what the options add to them.
at::Tensor QuantizedMultiheadAttentionImpl::extended_heads(const at::Tensor& projected,
                                                           const at::Tensor& extra) const {
  at::Tensor heads = split_heads(
      extra.defined() ? at::cat({projected, extra.repeat({1, projected.size(1), 1})}) : projected);
  if (options.add_zero_attn())
    heads = at::cat({heads, at::zeros({heads.size(0), 1, heads.size(2)}, heads.options())}, 1);
  return heads;
}

at::Tensor QuantizedMultiheadAttentionImpl::attention_weights(
    const at::Tensor& query, const at::Tensor& key, const at::Tensor& attn_mask,
    const at::Tensor& key_padding_mask) const {
  check_operands("the product of query and key", {{"scaled_query", query}, {"projected_key", key}});
  const at::Tensor scores =
      plain(functional::bmm(query, transposed(key), output_options("attn_scores_quantizer")));
  const int64_t more = (bias_k.defined() ? 1 : 0) + (options.add_zero_attn() ? 1 : 0);
  const at::Tensor weights = F::softmax(
      masked(scores, extend_mask(attn_mask, more), extend_mask(key_padding_mask, more)), -1);
  return quantized(
      "attn_weights_quantizer",
      F::dropout(weights, F::DropoutFuncOptions().p(options.dropout()).training(is_training())));
}

std::tuple<at::Tensor, at::Tensor> QuantizedMultiheadAttentionImpl::forward(
    const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
    const at::Tensor& key_padding_mask, bool need_weights, const at::Tensor& attn_mask,
    bool average_attn_weights) {
  return located(*this, [&]() -> std::tuple<at::Tensor, at::Tensor> {
    check_inputs(options, query, key, value);
    check_masks(attn_mask, key_padding_mask, query, key);
    const Projected inputs = {quantized("query_quantizer", query), quantized("key_quantizer", key),
                              quantized("value_quantizer", value)};
    const Projected projected =
        _qkv_same_embed_dim ? project_together(inputs) : project_apart(inputs);
    const at::Tensor q = quantized("scaled_query_quantizer",
                                   split_heads(projected.query * (1 / std::sqrt(head_dim))));
    const at::Tensor k =
        quantized("projected_key_quantizer", extended_heads(projected.key, bias_k));
    const at::Tensor v =
        quantized("projected_value_quantizer", extended_heads(projected.value, bias_v));
    const at::Tensor weights = attention_weights(q, k, attn_mask, key_padding_mask);
    check_operands("the product of weights and value",
                   {{"attn_weights", weights}, {"projected_value", v}});
    const at::Tensor output = functional::bmm(weights, v, output_options("attn_output_quantizer"));
    const at::Tensor joined = join_heads(output, query.sizes());
    auto* projection = out_proj->as<QuantizedLinearImpl>();
    TORCH_CHECK_TYPE(projection != nullptr, "out_proj is a ", out_proj->name(),
                     "; expected a QuantizedLinear, as the constructor made it.");
    const at::Tensor result = projection->forward(joined);
    if (!need_weights)
      return {result, at::Tensor()};
    const at::Tensor all = plain(weights).reshape(
        {query.size(1), options.num_heads(), query.size(0), weights.size(2)});
    return {result, average_attn_weights ? all.sum(1) / options.num_heads() : all};
  });
}

}  // namespace ff::nn
