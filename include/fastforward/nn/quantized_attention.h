#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/modules/activation.h>

#include <string>
#include <tuple>

#include "fastforward/core/api.h"
#include "fastforward/nn/quantized_layer.h"

namespace ff::nn {

/// torch::nn::MultiheadAttention, built from quantized parts.
///
/// Each product has quantizers for its operands and its result:
///
///     query_quantizer, key_quantizer, value_quantizer   the inputs             activation/input
///     in_proj_weight_quantizer, or q_proj_weight_quantizer, k_... and v_...    parameter/weight
///     in_proj_bias_quantizer                                                   parameter/bias
///     scaled_query_quantizer        projected query / sqrt(head size)          activation/output
///     projected_key_quantizer       projected key, with bias_k and zeros       activation/output
///     projected_value_quantizer     projected value, with bias_v and zeros     activation/output
///     attn_scores_quantizer         their product, before masks and softmax    activation/output
///     attn_weights_quantizer        after softmax and dropout                  activation/output
///     attn_output_quantizer         attn_weights times value                   activation/output
///     out_proj                      a QuantizedLinear with its own quantizers
///
/// Where query, key and value are one tensor they are projected by one product, as in LibTorch;
/// where their quantizers make three of it, by three. Bias quantizers are there only with a bias.
/// Masks are added, and the softmax is taken, on values. As torch::nn::MultiheadAttention in C++ it
/// takes inputs [L, N, E] (the batch is the second axis); unlike that it takes keys and values of
/// different sizes (kdim, vdim).
class FF_API QuantizedMultiheadAttentionImpl
    : public QuantizedLayer<QuantizedMultiheadAttentionImpl, torch::nn::MultiheadAttentionImpl,
                            kNoPlaces> {
 public:
  using QuantizedLayer::QuantizedLayer;
  /// Registers parameters and quantizers.
  void reset() override;

  /// Returns the output [L, N, E] and, if `need_weights`, the attention weights after dropout, as
  /// plain values: [N, L, S] averaged over the heads, or [N, heads, L, S].
  ///
  /// `query` is [L, N, embed_dim], `key` [S, N, kdim], `value` [S, N, vdim]. `attn_mask` [L, S] is
  /// floating-point and added to the scores; `key_padding_mask` [N, S] is bool and true for keys to
  /// leave out; undefined masks are absent. Throws c10::ValueError for other shapes,
  /// c10::NotImplementedError for an attn_mask of another type (LibTorch's C++ would add ones for a
  /// bool mask), c10::TypeError for another key_padding_mask, and in strict mode if an operand or
  /// the result of a product is not quantized.
  std::tuple<at::Tensor, at::Tensor> forward(const at::Tensor& query, const at::Tensor& key,
                                             const at::Tensor& value,
                                             const at::Tensor& key_padding_mask = {},
                                             bool need_weights = true,
                                             const at::Tensor& attn_mask = {},
                                             bool average_attn_weights = true);

 private:
  struct Projected {
    at::Tensor query, key, value;
  };

  bool register_parts();
  Projected project_together(const Projected& inputs) const;
  Projected project_apart(const Projected& inputs) const;
  at::Tensor split_heads(const at::Tensor& projected) const;
  at::Tensor extended_heads(const at::Tensor& projected, const at::Tensor& extra) const;
  at::Tensor attention_weights(const at::Tensor& query, const at::Tensor& key,
                               const at::Tensor& attn_mask,
                               const at::Tensor& key_padding_mask) const;

  bool parts_registered_ = register_parts();
};

/// Holder of QuantizedMultiheadAttentionImpl.
TORCH_MODULE(QuantizedMultiheadAttention);

}  // namespace ff::nn
