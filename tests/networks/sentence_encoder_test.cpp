#include "networks/sentence_encoder.h"

#include <gtest/gtest.h>

#include "networks/sentences.h"
#include "support/expect_error.h"

namespace {

networks::SentenceEncoder small() {
  networks::SentenceEncoder encoder(
      networks::BertOptions().vocabulary(20).positions(8).hidden(12).heads(3).inner(24).layers(2));
  encoder->eval();
  return encoder;
}

double largest_difference(const torch::Tensor& a, const torch::Tensor& b) {
  return (a - b).abs().max().item<double>();
}

torch::Tensor tokens(std::vector<int64_t> ids) {
  return torch::tensor(ids, torch::kLong).unsqueeze(0);
}

}  // namespace

TEST(SentenceEncoder, EmbeddingsHaveLengthOne) {
  const torch::NoGradGuard no_grad;
  torch::manual_seed(1);
  networks::SentenceEncoder encoder = small();
  const torch::Tensor ids = torch::randint(20, {5, 8}, torch::kLong);
  const torch::Tensor embeddings = encoder(ids, torch::ones_like(ids));
  EXPECT_EQ(embeddings.sizes(), at::IntArrayRef({5, 12}));
  EXPECT_LT(largest_difference(embeddings.norm(2, 1), torch::ones({5})), 1e-6);
}

TEST(SentenceEncoder, PaddingChangesNothing) {
  const torch::NoGradGuard no_grad;
  torch::manual_seed(1);
  networks::SentenceEncoder encoder = small();
  const torch::Tensor alone = encoder(tokens({3, 7, 2}), tokens({1, 1, 1}));
  const torch::Tensor padded = encoder(tokens({3, 7, 2, 0, 9}), tokens({1, 1, 1, 0, 0}));
  EXPECT_LT(largest_difference(alone, padded), 1e-6);
  const torch::Tensor longer = encoder(tokens({3, 7, 2, 0, 9}), tokens({1, 1, 1, 1, 1}));
  EXPECT_GT(largest_difference(alone, longer), 1e-3);
}

TEST(SentenceEncoder, TheOrderOfTokensCounts) {
  const torch::NoGradGuard no_grad;
  torch::manual_seed(1);
  networks::SentenceEncoder encoder = small();
  EXPECT_GT(largest_difference(encoder(tokens({3, 7}), tokens({1, 1})),
                               encoder(tokens({7, 3}), tokens({1, 1}))),
            1e-3);
}

TEST(SentenceEncoder, ACloneIsWholeAndItsOwn) {
  const torch::NoGradGuard no_grad;
  torch::manual_seed(1);
  networks::SentenceEncoder encoder = small();
  const auto clone = std::dynamic_pointer_cast<networks::SentenceEncoderImpl>(encoder->clone());
  const torch::Tensor ids = tokens({3, 7, 2}), mask = tokens({1, 1, 1});
  const torch::Tensor before = encoder(ids, mask);
  EXPECT_TRUE(clone->forward(ids, mask).equal(before));
  for (const torch::Tensor& parameter : clone->parameters()) {
    parameter.zero_();
  }
  EXPECT_TRUE(encoder(ids, mask).equal(before));
}

TEST(SentenceEncoder, HeadsMustDivideTheWidth) {
  EXPECT_ERROR(c10::ValueError, "hidden is 10, expected a multiple of heads, 3",
               networks::SentenceEncoder(networks::BertOptions().hidden(10).heads(3)));
}

TEST(SentenceEncoder, MissingFilesAreAnErrorThatSaysHowToGetThem) {
  const std::filesystem::path empty = "/no/such/folder";
  EXPECT_ERROR(c10::ValueError, "model.safetensors' is missing; run `make models`",
               networks::load_minilm(empty));
  EXPECT_ERROR(c10::ValueError, "sentences.safetensors' is missing; run `make models`",
               networks::load_sentences(empty));
}

TEST(SentenceEncoder, BatchesHaveTheShortestTextsFirst) {
  networks::Texts texts;
  texts.ids = torch::tensor({{5, 6, 7}, {8, 0, 0}, {3, 4, 0}}, torch::kLong);
  texts.mask = texts.ids.gt(0).to(torch::kLong);
  const std::vector<networks::TokenBatch> cut = networks::batches(texts, 2);
  ASSERT_EQ(cut.size(), 2);
  EXPECT_TRUE(cut[0].ids.equal(torch::tensor({{8, 0}, {3, 4}}, torch::kLong)));
  EXPECT_TRUE(cut[0].mask.equal(torch::tensor({{1, 0}, {1, 1}}, torch::kLong)));
  EXPECT_TRUE(cut[0].rows.equal(torch::tensor({1, 2}, torch::kLong)));
  EXPECT_TRUE(cut[1].ids.equal(torch::tensor({{5, 6, 7}}, torch::kLong)));
}
