#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/modules/embedding.h>

#include "fastforward/core/api.h"
#include "fastforward/nn/quantized_layer.h"

namespace ff::nn {

/// torch::nn::Embedding with quantizers for weight and output.
///
/// With max_norm, rows that are too long are shortened in the parameter, before it is quantized.
/// Source: FastForward's QuantizedEmbedding.
class FF_API QuantizedEmbeddingImpl
    : public QuantizedLayer<QuantizedEmbeddingImpl, torch::nn::EmbeddingImpl, kLookupPlaces> {
 public:
  using QuantizedLayer::QuantizedLayer;
  /// Registers parameters and quantizers; the weight is one of its own, also where the options had
  /// one.
  void reset() override;
  /// Returns the rows that the integers in `input` name. Throws c10::TypeError in strict mode if
  /// weight or output is not quantized.
  at::Tensor forward(const at::Tensor& input);
};

/// Holder of QuantizedEmbeddingImpl.
TORCH_MODULE(QuantizedEmbedding);

}  // namespace ff::nn
