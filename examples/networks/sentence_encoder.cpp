#include "sentence_encoder.h"

namespace networks {
namespace {

// What padding gets added to its scores before softmax: exp(-1e4) is 0 in float.
constexpr double kMasked = -1e4;

}  // namespace

SentenceEncoderImpl::SentenceEncoderImpl(const BertOptions& options) : options(options) {
  TORCH_CHECK_VALUE(options.heads() > 0 && options.hidden() % options.heads() == 0,
                    "SentenceEncoder: hidden is ", options.hidden(),
                    ", expected a multiple of heads, ", options.heads());
  SentenceEncoderImpl::reset();
}

void SentenceEncoderImpl::reset() {
  embeddings_ = register_module("embeddings", BertEmbeddings(options));
  encoder_ = register_module("encoder", BertEncoder(options));
}

torch::Tensor SentenceEncoderImpl::forward(const torch::Tensor& ids, const torch::Tensor& mask) {
  const torch::Tensor embedded = embeddings_(ids), weight = mask.to(embedded.scalar_type());
  const torch::Tensor added = (1 - weight).mul(kMasked).unsqueeze(1).unsqueeze(1);
  const torch::Tensor tokens = encoder_(embedded, added);
  const torch::Tensor sum = (tokens * weight.unsqueeze(2)).sum(1);
  return torch::nn::functional::normalize(sum / weight.sum(1, /*keepdim=*/true));
}

}  // namespace networks
