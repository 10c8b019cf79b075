#include "fastforward/nn/functional/embedding.h"

#include <c10/util/Exception.h>
#include <torch/nn/functional/embedding.h>

#include "fastforward/tensor/quantized_tensor.h"
#include "nn/functional/call.h"

namespace ff::nn::functional {

at::Tensor embedding(const at::Tensor& input, const at::Tensor& weight,
                     const torch::nn::functional::EmbeddingFuncOptions& embedding,
                     const FunctionalOptions& options) {
  TORCH_CHECK_NOT_IMPLEMENTED(!embedding.max_norm().has_value() || !is_quantized(weight),
                              "embedding: max_norm is ", *embedding.max_norm(),
                              ", which changes the weight in place, but the weight is a quantized "
                              "tensor of shape ",
                              weight.sizes(),
                              "; shorten the rows before it is quantized, as QuantizedEmbedding "
                              "does.");
  return call("embedding", {{"weight", weight}}, options,
              [&] { return torch::nn::functional::embedding(input, weight, embedding); });
}

}  // namespace ff::nn::functional
