#pragma once

#include <torch/nn.h>

#include <cstdint>

namespace networks {

/// The sizes of BERT; the defaults are those of all-MiniLM-L6-v2.
struct BertOptions {
  /// Token ids.
  TORCH_ARG(int64_t, vocabulary) = 30522;
  /// The longest text, in tokens.
  TORCH_ARG(int64_t, positions) = 512;
  /// Width of a token, and of the embedding.
  TORCH_ARG(int64_t, hidden) = 384;
  /// Attention heads, a divisor of hidden.
  TORCH_ARG(int64_t, heads) = 12;
  /// Width inside of the feed-forward part.
  TORCH_ARG(int64_t, inner) = 1536;
  /// Transformer layers.
  TORCH_ARG(int64_t, layers) = 6;
};

/// The vectors of tokens, positions and the first token type, added and normalised.
class BertEmbeddingsImpl : public torch::nn::Cloneable<BertEmbeddingsImpl> {
 public:
  explicit BertEmbeddingsImpl(const BertOptions& options);
  void reset() override;
  /// Returns [N, L, hidden] for token ids [N, L].
  torch::Tensor forward(const torch::Tensor& ids);

 private:
  BertOptions options_;
  torch::nn::Embedding words_{nullptr}, positions_{nullptr}, token_types_{nullptr};
  torch::nn::LayerNorm norm_{nullptr};
};
TORCH_MODULE(BertEmbeddings);

/// Scaled dot-product attention of several heads, without the projection of its output.
class BertSelfAttentionImpl : public torch::nn::Cloneable<BertSelfAttentionImpl> {
 public:
  explicit BertSelfAttentionImpl(const BertOptions& options);
  void reset() override;
  /// Returns [N, L, hidden] for x [N, L, hidden]; `mask` [N, 1, 1, L] is added to the scores.
  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& mask);

 private:
  BertOptions options_;
  torch::nn::Linear query_{nullptr}, key_{nullptr}, value_{nullptr};
};
TORCH_MODULE(BertSelfAttention);

/// A linear layer, the residual, and layer norm.
class BertOutputImpl : public torch::nn::Cloneable<BertOutputImpl> {
 public:
  BertOutputImpl(int64_t in, int64_t out);
  void reset() override;
  /// Returns norm(dense(x) + residual).
  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& residual);

 private:
  int64_t in_, out_;
  torch::nn::Linear dense_{nullptr};
  torch::nn::LayerNorm norm_{nullptr};
};
TORCH_MODULE(BertOutput);

/// Self-attention and its output.
class BertAttentionImpl : public torch::nn::Cloneable<BertAttentionImpl> {
 public:
  explicit BertAttentionImpl(const BertOptions& options);
  void reset() override;
  /// As BertSelfAttention.
  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& mask);

 private:
  BertOptions options_;
  BertSelfAttention self_{nullptr};
  BertOutput output_{nullptr};
};
TORCH_MODULE(BertAttention);

/// Attention and the feed-forward part.
class BertLayerImpl : public torch::nn::Cloneable<BertLayerImpl> {
 public:
  explicit BertLayerImpl(const BertOptions& options);
  void reset() override;
  /// As BertSelfAttention.
  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& mask);

 private:
  BertOptions options_;
  BertAttention attention_{nullptr};
  torch::nn::Sequential intermediate_{nullptr};
  BertOutput output_{nullptr};
};
TORCH_MODULE(BertLayer);

/// All layers, one after the other.
class BertEncoderImpl : public torch::nn::Cloneable<BertEncoderImpl> {
 public:
  explicit BertEncoderImpl(const BertOptions& options);
  void reset() override;
  /// As BertSelfAttention.
  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& mask);

 private:
  BertOptions options_;
  torch::nn::ModuleList layer_{nullptr};
};
TORCH_MODULE(BertEncoder);

}  // namespace networks
