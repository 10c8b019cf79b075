#include "fastforward/nn/quantized_embedding.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/embedding_renorm.h>

#include "fastforward/nn/functional/embedding.h"
#include "nn/located.h"

namespace ff::nn {

void QuantizedEmbeddingImpl::reset() {
  // LibTorch registers the tensor of the options itself, so that a clone would share it.
  options._weight(at::Tensor());
  QuantizedLayer::reset();
}

at::Tensor QuantizedEmbeddingImpl::forward(const at::Tensor& input) {
  return located(*this, [&] {
    if (options.max_norm().has_value()) {
      const at::NoGradGuard no_grad;
      at::embedding_renorm_(weight, input.contiguous(), *options.max_norm(), options.norm_type());
    }
    const auto embedding = torch::nn::functional::EmbeddingFuncOptions()
                               .padding_idx(options.padding_idx())
                               .scale_grad_by_freq(options.scale_grad_by_freq())
                               .sparse(options.sparse());
    return functional::embedding(input, quantized_weight(), embedding, output_options());
  });
}

}  // namespace ff::nn
