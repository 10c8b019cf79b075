#pragma once

#include <torch/types.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <vector>

#include "model_files.h"
#include "sentence_encoder.h"

namespace networks {

/// Texts as token ids of all-MiniLM-L6-v2, and their embeddings.
struct Texts {
  /// int64 [N, L], padded with 0 behind the text.
  torch::Tensor ids;
  /// int64 [N, L], 1 for a token.
  torch::Tensor mask;
  /// float32 [N, 384], of length 1, what the encoder gives in Python.
  torch::Tensor embeddings;
};

/// The texts that scripts/models/sentences.py makes.
struct Sentences {
  /// The definitions of 500 nouns in WordNet.
  Texts definitions;
  /// The nouns; row i belongs to definition i.
  Texts words;
  /// 400 fortunes, 25 of each of 16 topics.
  Texts fortunes;
  /// int64 [400], the topics 0..15.
  torch::Tensor topics;
};

/// Loads the texts. Throws c10::ValueError if they are missing or not what they should be.
Sentences load_sentences(const std::filesystem::path& folder = models_folder());

/// Loads all-MiniLM-L6-v2 with its weights, in eval mode. Throws c10::ValueError if they are
/// missing or do not fit.
SentenceEncoder load_minilm(const std::filesystem::path& folder = models_folder());

/// Some rows of Texts, without the columns that all of them only pad.
struct TokenBatch {
  /// int64 [n, l].
  torch::Tensor ids;
  /// int64 [n, l].
  torch::Tensor mask;
  /// int64 [n], their rows in Texts.
  torch::Tensor rows;
};

/// Cuts texts into batches of texts of similar length, the shortest first. The last one may be
/// smaller.
std::vector<TokenBatch> batches(const Texts& texts, int64_t size = 20);

/// Returns the embeddings [n, 384] of token ids and mask, [n, l] each.
using Encoder = std::function<torch::Tensor(const torch::Tensor& ids, const torch::Tensor& mask)>;

/// Returns the embeddings [N, 384] of all texts, without gradients.
torch::Tensor encode(const Encoder& encoder, const Texts& texts);

/// What an encoder reaches on the texts.
struct EncoderFigures {
  /// Definitions whose own word is the nearest one of all 500.
  double recall_at_1 = 0;
  /// Mean of 1 / rank of a definition's own word.
  double mean_reciprocal_rank = 0;
  /// Fortunes that have the topic of most of their 5 nearest other ones.
  double nearest_neighbours = 0;
  /// Mean over all texts of the cosine to the float embedding.
  double mean_cosine = 0;
  /// Of all embeddings to those in float, in decibels.
  double sqnr = 0;
};

/// Runs an encoder on all texts, without gradients.
EncoderFigures evaluate(const Encoder& encoder, const Sentences& sentences);

}  // namespace networks
