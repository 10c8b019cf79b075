#pragma once

#include <torch/nn.h>

#include "bert.h"

namespace networks {

/// The sentence encoder all-MiniLM-L6-v2: BERT (arXiv:1810.04805) without its pooler, the mean over
/// the tokens, length 1 (arXiv:1908.10084). 22.6 M parameters, without dropout.
///
/// The modules have the names of Hugging Face's BertModel. Attention is written out as matmul,
/// additive mask, softmax, matmul.
class SentenceEncoderImpl : public torch::nn::Cloneable<SentenceEncoderImpl> {
 public:
  explicit SentenceEncoderImpl(const BertOptions& options = {});
  void reset() override;
  /// Returns the embeddings [N, hidden], of length 1, of token ids [N, L] and their mask [N, L], 1
  /// for a token and 0 for padding; both int64. Each text has a token.
  torch::Tensor forward(const torch::Tensor& ids, const torch::Tensor& mask);

  /// What the encoder was made with.
  BertOptions options;

 private:
  BertEmbeddings embeddings_{nullptr};
  BertEncoder encoder_{nullptr};
};
TORCH_MODULE(SentenceEncoder);

}  // namespace networks
