#pragma once

#include <torch/torch.h>

#include <limits>

#include "fastforward/nn/quantized_attention.h"
#include "fastforward/nn/quantized_linear.h"
#include "fastforward/nn/quantizer_stub.h"
#include "nn/layer_checks.h"

/// Attentions to test, their sizes and masks.
namespace ff::test {

inline constexpr int64_t kBatch = 2, kTarget = 3, kSource = 5, kSize = 8, kHeads = 2;

inline torch::Tensor attn_mask(int64_t target, int64_t source) {
  torch::Tensor mask = random_data({target, source}, 31);
  mask[0][source - 1] = -std::numeric_limits<float>::infinity();
  return mask;
}

inline torch::Tensor padding_mask(int64_t source) {
  torch::Tensor mask = torch::zeros({kBatch, source}, torch::kBool);
  mask[1][0] = true;
  return mask;
}

/// LibTorch's layer with weights and biases that are not zeros.
inline torch::nn::MultiheadAttention make_attention(
    const torch::nn::MultiheadAttentionOptions& options) {
  torch::nn::MultiheadAttention attention(options);
  const torch::NoGradGuard no_grad;
  int seed = 11;
  for (torch::Tensor& parameter : attention->parameters())
    parameter.copy_(random_data(parameter.sizes(), seed++) * 0.5);
  return attention;
}

/// All quantizers of the attention and of its out_proj, with ranges from one forward.
inline void calibrate(nn::QuantizedMultiheadAttention& attention, const torch::Tensor& query,
                      const torch::Tensor& key, const torch::Tensor& value) {
  add_quantizers(*attention, *attention);
  auto& projection = *attention->out_proj->as<nn::QuantizedLinear>();
  add_quantizers(projection, projection);
  nn::replace_quantizer(projection, "input_quantizer", nn::QuantizerStub());
  const auto estimation = estimate_ranges(attention, range_setting::running_minmax());
  attention->forward(query, key, value);
}

}  // namespace ff::test
