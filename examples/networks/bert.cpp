#include "bert.h"

#include <cmath>

namespace networks {
namespace {

namespace nn = torch::nn;

constexpr int64_t kTokenTypes = 2;

nn::LayerNorm layer_norm(int64_t width) {
  return nn::LayerNorm(nn::LayerNormOptions({width}).eps(1e-12));
}

}  // namespace

BertEmbeddingsImpl::BertEmbeddingsImpl(const BertOptions& options) : options_(options) {
  BertEmbeddingsImpl::reset();
}

void BertEmbeddingsImpl::reset() {
  const int64_t hidden = options_.hidden();
  words_ = register_module("word_embeddings", nn::Embedding(options_.vocabulary(), hidden));
  positions_ = register_module("position_embeddings", nn::Embedding(options_.positions(), hidden));
  token_types_ = register_module("token_type_embeddings", nn::Embedding(kTokenTypes, hidden));
  norm_ = register_module("LayerNorm", layer_norm(hidden));
}

torch::Tensor BertEmbeddingsImpl::forward(const torch::Tensor& ids) {
  const torch::Tensor positions = torch::arange(ids.size(1), ids.options());
  return norm_(words_(ids) + positions_(positions) + token_types_(torch::zeros_like(ids)));
}

BertSelfAttentionImpl::BertSelfAttentionImpl(const BertOptions& options) : options_(options) {
  BertSelfAttentionImpl::reset();
}

void BertSelfAttentionImpl::reset() {
  const int64_t hidden = options_.hidden();
  query_ = register_module("query", nn::Linear(hidden, hidden));
  key_ = register_module("key", nn::Linear(hidden, hidden));
  value_ = register_module("value", nn::Linear(hidden, hidden));
}

torch::Tensor BertSelfAttentionImpl::forward(const torch::Tensor& x, const torch::Tensor& mask) {
  const auto heads = [&](const torch::Tensor& all) {
    return all.unflatten(2, {options_.heads(), -1}).transpose(1, 2);
  };
  const torch::Tensor query = heads(query_(x)), key = heads(key_(x)), value = heads(value_(x));
  const double width = static_cast<double>(options_.hidden() / options_.heads());
  const torch::Tensor scores = torch::matmul(query, key.transpose(2, 3)) / std::sqrt(width) + mask;
  return torch::matmul(scores.softmax(3), value).transpose(1, 2).flatten(2);
}

BertOutputImpl::BertOutputImpl(int64_t in, int64_t out) : in_(in), out_(out) {
  BertOutputImpl::reset();
}

void BertOutputImpl::reset() {
  dense_ = register_module("dense", nn::Linear(in_, out_));
  norm_ = register_module("LayerNorm", layer_norm(out_));
}

torch::Tensor BertOutputImpl::forward(const torch::Tensor& x, const torch::Tensor& residual) {
  return norm_(dense_(x) + residual);
}

BertAttentionImpl::BertAttentionImpl(const BertOptions& options) : options_(options) {
  BertAttentionImpl::reset();
}

void BertAttentionImpl::reset() {
  self_ = register_module("self", BertSelfAttention(options_));
  output_ = register_module("output", BertOutput(options_.hidden(), options_.hidden()));
}

torch::Tensor BertAttentionImpl::forward(const torch::Tensor& x, const torch::Tensor& mask) {
  return output_(self_(x, mask), x);
}

BertLayerImpl::BertLayerImpl(const BertOptions& options) : options_(options) {
  BertLayerImpl::reset();
}

void BertLayerImpl::reset() {
  attention_ = register_module("attention", BertAttention(options_));
  intermediate_ = register_module(
      "intermediate", nn::Sequential({{"dense", nn::Linear(options_.hidden(), options_.inner())},
                                      {"gelu", nn::GELU()}}));
  output_ = register_module("output", BertOutput(options_.inner(), options_.hidden()));
}

torch::Tensor BertLayerImpl::forward(const torch::Tensor& x, const torch::Tensor& mask) {
  const torch::Tensor attended = attention_(x, mask);
  return output_(intermediate_->forward(attended), attended);
}

BertEncoderImpl::BertEncoderImpl(const BertOptions& options) : options_(options) {
  BertEncoderImpl::reset();
}

void BertEncoderImpl::reset() {
  layer_ = register_module("layer", nn::ModuleList());
  for (int64_t index = 0; index < options_.layers(); ++index) {
    layer_->push_back(BertLayer(options_));
  }
}

torch::Tensor BertEncoderImpl::forward(const torch::Tensor& x, const torch::Tensor& mask) {
  torch::Tensor y = x;
  for (const auto& layer : *layer_) {
    y = layer->as<BertLayer>()->forward(y, mask);
  }
  return y;
}

}  // namespace networks
