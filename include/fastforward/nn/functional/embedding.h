#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/options/embedding.h>

#include "fastforward/core/api.h"
#include "fastforward/nn/functional/options.h"

namespace ff::nn::functional {

/// Returns the rows of `weight` [num_embeddings, embedding_dim] that the integers in `input` name,
/// as torch::nn::functional::embedding. Operand: weight.
///
/// Throws c10::NotImplementedError for max_norm and a quantized weight: rows that are too long are
/// shortened in place, which a quantized tensor never is. QuantizedEmbedding shortens its parameter
/// before it is quantized.
FF_API at::Tensor embedding(const at::Tensor& input, const at::Tensor& weight,
                            const torch::nn::functional::EmbeddingFuncOptions& embedding = {},
                            const FunctionalOptions& options = {});

}  // namespace ff::nn::functional
