#pragma once

#include <ATen/core/Tensor.h>

#include <limits>
#include <optional>

#include "fastforward/core/api.h"
#include "fastforward/nn/functional/options.h"
#include "fastforward/nn/quantizer.h"

namespace ff::nn::functional {

/// Options for scaled_dot_product_attention. Empty quantizers leave their tensor as it is.
struct FF_API AttentionOptions {
  /// Broadcast to [..., L, S] and added to the scores; bool: 0 where true, `neg_inf` where false.
  /// Undefined: no mask.
  at::Tensor attn_mask = {};
  /// Probability with which a weight is set to zero. Give 0 outside of training.
  double dropout_p = 0.0;
  /// Masks all keys that come after the query. Not together with attn_mask.
  bool is_causal = false;
  /// Factor of the scores, by default 1 / sqrt(E).
  std::optional<double> scale = std::nullopt;
  /// Repeats the heads of key and value to those of the query. Not in strict mode.
  bool enable_gqa = false;
  /// What masks put where attention is not allowed. A finite one keeps the range of
  /// masked_scores_quantizer small.
  double neg_inf = -std::numeric_limits<double>::infinity();

  /// For query sqrt(scale).
  Quantizer scaled_query_quantizer = nullptr;
  /// For key^T sqrt(scale).
  Quantizer scaled_key_quantizer = nullptr;
  /// For their product.
  Quantizer attn_scores_quantizer = nullptr;
  /// For the mask, if there is one.
  Quantizer attn_mask_quantizer = nullptr;
  /// For the scores after the mask.
  Quantizer masked_scores_quantizer = nullptr;
  /// For the softmax of these.
  Quantizer attn_weights_quantizer = nullptr;
  /// For the weights after dropout.
  Quantizer dropout_quantizer = nullptr;
};

/// Returns softmax(query key^T scale + mask) value, with a quantizer for each step; the output
/// quantizer is that of `options`.
///
/// `query` is [..., H, L, E], `key` [..., H, S, E], `value` [..., H, S, Ev]; the result is
/// [..., H, L, Ev] of the query's type. bfloat16 and float16 are computed in float32. A query whose
/// keys are all masked gets zeros. Operands: the tensors of each product and sum, so in strict mode
/// every quantizer but those of an absent mask and dropout is needed; the softmax is taken on
/// values.
///
/// Throws c10::ValueError for attn_mask together with is_causal, c10::NotImplementedError for
/// enable_gqa in strict mode. Source: FastForward's scaled_dot_product_attention, which adds zeros
/// where there is no mask.
FF_API at::Tensor scaled_dot_product_attention(const at::Tensor& query, const at::Tensor& key,
                                               const at::Tensor& value,
                                               const AttentionOptions& attention = {},
                                               const FunctionalOptions& options = {});

}  // namespace ff::nn::functional
