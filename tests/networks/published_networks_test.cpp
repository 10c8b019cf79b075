// The networks with their published weights, against the same networks in Python.

#include <gtest/gtest.h>
#include <torch/script.h>

#include <iostream>

#include "network_files.h"
#include "networks/figures.h"
#include "networks/imagenet_crops.h"
#include "networks/sentences.h"

namespace {

double largest_difference(const torch::Tensor& a, const torch::Tensor& b) {
  return (a - b).abs().max().item<double>();
}

}  // namespace

TEST(PublishedNetworks, EfficientNetLite0GivesTheLogitsOfPython) {
  FF_SKIP_WITHOUT_MODELS("efficientnet-lite0", "imagenet-crops-1");
  const networks::ImageNetCrops crops = networks::load_imagenet_crops();
  networks::EfficientNetLite0 network = networks::load_efficientnet_lite0();
  const torch::Tensor logits = networks::classify(
      [&](const torch::Tensor& images) { return network(images); }, crops.images);
  const double difference = largest_difference(logits, crops.logits);
  std::cout << "largest difference of logits to Python: " << difference << ", of values up to "
            << crops.logits.abs().max().item<double>() << "\n";
  // Sums of up to 1,280 products in other orders, 50 layers deep.
  EXPECT_LT(difference, 1e-4);
  EXPECT_EQ(networks::agreement(logits, crops.logits), 1.0);
  // models.md: .890 on other crops of these photos; one crop of 200 is half a point.
  EXPECT_NEAR(networks::top1(logits, crops.labels), 0.890, 0.02);
}

TEST(PublishedNetworks, TracedFilesGiveTheSameLogits) {
  FF_SKIP_WITHOUT_MODELS("efficientnet-lite0", "imagenet-crops-1");
  const torch::NoGradGuard no_grad;
  const networks::ImageNetCrops crops = networks::load_imagenet_crops();
  networks::EfficientNetLite0 network = networks::load_efficientnet_lite0();
  const torch::Tensor images = networks::batches(crops.images)[0];
  for (const bool dynamic_padding : {false, true}) {
    torch::jit::Module traced =
        torch::jit::load(networks::traced_efficientnet_lite0(dynamic_padding).string());
    EXPECT_LT(largest_difference(traced.forward({images}).toTensor(), network(images)), 1e-4);
  }
}

TEST(PublishedNetworks, MiniLMGivesTheEmbeddingsOfPython) {
  FF_SKIP_WITHOUT_MODELS("all-MiniLM-L6-v2", "wordnet-fortunes-1");
  const networks::Sentences sentences = networks::load_sentences();
  networks::SentenceEncoder encoder = networks::load_minilm();
  const auto forward = [&](const torch::Tensor& ids, const torch::Tensor& mask) {
    return encoder(ids, mask);
  };
  for (const networks::Texts& texts :
       {sentences.definitions, sentences.words, sentences.fortunes}) {
    const double difference =
        largest_difference(networks::encode(forward, texts), texts.embeddings);
    std::cout << "largest difference of embeddings to Python: " << difference << "\n";
    // Values up to 0.3; sums of up to 1,536 products in other orders, 6 layers deep.
    EXPECT_LT(difference, 2e-6);
  }
  const networks::EncoderFigures figures = networks::evaluate(forward, sentences);
  std::cout << "R@1 " << figures.recall_at_1 << ", MRR " << figures.mean_reciprocal_rank
            << ", 5-NN " << figures.nearest_neighbours << "\n";
  // models.md: on other samples of the same texts.
  EXPECT_NEAR(figures.recall_at_1, 0.476, 0.02);
  EXPECT_NEAR(figures.mean_reciprocal_rank, 0.552, 0.02);
  EXPECT_NEAR(figures.nearest_neighbours, 0.553, 0.02);
  EXPECT_NEAR(figures.mean_cosine, 1.0, 1e-6);
}
