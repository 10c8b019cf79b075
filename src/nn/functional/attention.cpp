#include "fastforward/nn/functional/attention.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/add.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/zeros.h>
#include <c10/util/Exception.h>

#include <cmath>

#include "fastforward/nn/functional/activation.h"
#include "fastforward/nn/functional/linear.h"
#include "nn/functional/call.h"

namespace ff::nn::functional {
namespace {

at::Tensor widened(const at::Tensor& tensor) {
  const bool narrow = tensor.scalar_type() == at::kHalf || tensor.scalar_type() == at::kBFloat16;
  return narrow ? plain(tensor).to(at::kFloat) : tensor;
}

at::Tensor repeated_heads(const at::Tensor& tensor, const at::Tensor& query) {
  return plain(tensor).repeat_interleave(query.size(-3) / tensor.size(-3), -3);
}

// The mask to add, undefined if there is none.
at::Tensor mask_of(const at::Tensor& scores, const AttentionOptions& attention) {
  at::Tensor allowed;
  if (attention.is_causal) {
    allowed =
        at::ones({scores.size(-2), scores.size(-1)}, scores.options().dtype(at::kBool)).tril();
  } else if (attention.attn_mask.defined() && attention.attn_mask.scalar_type() == at::kBool) {
    allowed = attention.attn_mask;
  } else {
    return attention.attn_mask;
  }
  return at::zeros(allowed.sizes(), scores.options())
      .masked_fill(allowed.logical_not(), attention.neg_inf);
}

at::Tensor masked_scores(const at::Tensor& scores, const AttentionOptions& attention, bool strict) {
  const FunctionalOptions options{attention.masked_scores_quantizer, strict};
  const at::Tensor mask = mask_of(scores, attention);
  if (!mask.defined())
    return finish("the mask", scores, options, strict);
  const Quantizer& quantizer = attention.attn_mask_quantizer;
  const at::Tensor added = quantizer.is_empty() ? mask : quantizer.ptr()->forward(mask);
  return call("the mask", {{"attn_scores", scores}, {"attn_mask", added}}, options,
              [&] { return at::add(scores, added); });
}

// The softmax of values, zeros for a query whose keys are all masked.
at::Tensor safe_softmax(const at::Tensor& scores, double neg_inf) {
  const at::Tensor values = plain(scores);
  const at::Tensor nothing_left = values.le(neg_inf).all(-1, /*keepdim=*/true);
  // The softmax of -infinity alone is NaN, and so would be its gradient.
  return at::softmax(values.masked_fill(nothing_left, 0.0), -1).masked_fill(nothing_left, 0.0);
}

}  // namespace

at::Tensor scaled_dot_product_attention(const at::Tensor& query, const at::Tensor& key,
                                        const at::Tensor& value, const AttentionOptions& attention,
                                        const FunctionalOptions& options) {
  TORCH_CHECK_VALUE(!attention.is_causal || !attention.attn_mask.defined(),
                    "scaled_dot_product_attention: is_causal is true and there is an attn_mask of "
                    "shape ",
                    attention.attn_mask.sizes(), "; give one of the two.");
  const bool strict = is_strict(options);
  TORCH_CHECK_NOT_IMPLEMENTED(
      !strict || !attention.enable_gqa,
      "scaled_dot_product_attention: enable_gqa repeats heads, which has no "
      "quantized form; repeat them before, or use ff::StrictGuard "
      "relaxed(false).");
  if (strict)
    check_operands("scaled_dot_product_attention",
                   {{"query", query}, {"key", key}, {"value", value}});
  const auto step = [&](const Quantizer& quantizer) {
    return FunctionalOptions{quantizer, strict};
  };
  const at::Tensor keys = attention.enable_gqa ? repeated_heads(key, query) : key;
  const at::Tensor values = attention.enable_gqa ? repeated_heads(value, query) : value;
  const double factor =
      std::sqrt(attention.scale.value_or(1 / std::sqrt(static_cast<double>(query.size(-1)))));
  const at::Tensor q = call("the scaled query", {}, step(attention.scaled_query_quantizer),
                            [&] { return at::mul(widened(query), factor); });
  const at::Tensor k = call("the scaled key", {}, step(attention.scaled_key_quantizer),
                            [&] { return at::mul(widened(keys).transpose(-2, -1), factor); });
  const at::Tensor scores =
      masked_scores(matmul(q, k, step(attention.attn_scores_quantizer)), attention, strict);
  const at::Tensor weights = finish("softmax", safe_softmax(scores, attention.neg_inf),
                                    step(attention.attn_weights_quantizer), strict);
  const auto drop = torch::nn::functional::DropoutFuncOptions().p(attention.dropout_p);
  const at::Tensor kept = attention.dropout_p == 0 && attention.dropout_quantizer.is_empty()
                              ? weights
                              : dropout(weights, drop, step(attention.dropout_quantizer));
  const at::Tensor output = matmul(kept, widened(values), {.strict = false});
  return finish("scaled_dot_product_attention", output.to(query.scalar_type()), options, strict);
}

}  // namespace ff::nn::functional
