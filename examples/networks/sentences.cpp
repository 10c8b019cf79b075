#include "sentences.h"

#include <fastforward/storage/safetensors.h>

#include "figures.h"
#include "weights.h"

namespace networks {
namespace {

constexpr int64_t kWidth = 384;

Texts take(const ff::storage::SafetensorsFile& file, const std::string& name, int64_t count) {
  const Texts texts{file.tensor(name + ".ids"), file.tensor(name + ".mask"),
                    file.tensor(name + ".embeddings")};
  const torch::Tensor &ids = texts.ids, &mask = texts.mask, &embeddings = texts.embeddings;
  TORCH_CHECK_VALUE(ids.scalar_type() == torch::kLong && mask.scalar_type() == torch::kLong &&
                        ids.dim() == 2 && ids.size(0) == count && ids.sizes() == mask.sizes() &&
                        embeddings.scalar_type() == torch::kFloat &&
                        embeddings.sizes() == at::IntArrayRef({count, kWidth}),
                    "sentences: '", name, "' in '", file.path().string(), "' has ids ",
                    ids.scalar_type(), " ", ids.sizes(), ", mask ", mask.scalar_type(), " ",
                    mask.sizes(), ", embeddings ", embeddings.scalar_type(), " ",
                    embeddings.sizes(), ", expected int64 [", count, ", L], the same, float32 [",
                    count, ", ", kWidth, "]");
  return texts;
}

}  // namespace

Sentences load_sentences(const std::filesystem::path& folder) {
  const ff::storage::SafetensorsFile file(
      model_file(folder, "wordnet-fortunes-1/sentences.safetensors"));
  const torch::Tensor topics = file.tensor("fortunes.labels");
  TORCH_CHECK_VALUE(
      topics.scalar_type() == torch::kLong && topics.sizes() == at::IntArrayRef({400}),
      "sentences: 'fortunes.labels' in '", file.path().string(), "' is ", topics.scalar_type(), " ",
      topics.sizes(), ", expected int64 [400]");
  return {take(file, "definitions", 500), take(file, "words", 500), take(file, "fortunes", 400),
          topics};
}

SentenceEncoder load_minilm(const std::filesystem::path& folder) {
  SentenceEncoder encoder;
  load_weights(*encoder, model_file(folder, "all-MiniLM-L6-v2/model.safetensors"),
               {"embeddings.position_ids", "pooler.dense.weight", "pooler.dense.bias"});
  encoder->eval();
  return encoder;
}

std::vector<TokenBatch> batches(const Texts& texts, int64_t size) {
  TORCH_CHECK_VALUE(size > 0, "batches: size is ", size, ", expected at least 1");
  const torch::Tensor lengths = texts.mask.sum(1);
  const torch::Tensor order = std::get<1>(lengths.sort(/*stable=*/true, 0, false));
  std::vector<TokenBatch> cut;
  for (const torch::Tensor& rows : order.split(size)) {
    const int64_t longest = lengths.index_select(0, rows).max().item<int64_t>();
    cut.push_back({texts.ids.index_select(0, rows).narrow(1, 0, longest).contiguous(),
                   texts.mask.index_select(0, rows).narrow(1, 0, longest).contiguous(), rows});
  }
  return cut;
}

torch::Tensor encode(const Encoder& encoder, const Texts& texts) {
  const torch::NoGradGuard no_grad;
  torch::Tensor embeddings = torch::empty({texts.ids.size(0), kWidth});
  for (const TokenBatch& batch : batches(texts)) {
    embeddings.index_copy_(0, batch.rows, encoder(batch.ids, batch.mask));
  }
  return embeddings;
}

EncoderFigures evaluate(const Encoder& encoder, const Sentences& sentences) {
  const torch::Tensor definitions = encode(encoder, sentences.definitions);
  const torch::Tensor words = encode(encoder, sentences.words);
  const torch::Tensor fortunes = encode(encoder, sentences.fortunes);
  const RetrievalFigures found = retrieval(definitions, words);
  const torch::Tensor all = torch::cat({definitions, words, fortunes});
  const torch::Tensor reference =
      torch::cat({sentences.definitions.embeddings, sentences.words.embeddings,
                  sentences.fortunes.embeddings});
  return {found.recall_at_1, found.mean_reciprocal_rank,
          nearest_neighbours(fortunes, sentences.topics), mean_cosine(all, reference),
          sqnr(all, reference)};
}

}  // namespace networks
