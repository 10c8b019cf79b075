#include "fastforward/nn/quantized_embedding.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "nn/layer_checks.h"
#include "support/expect_error.h"

namespace {

using ff::nn::QuantizedEmbedding;
using ff::test::expect_twin_of;
using ff::test::random_data;
using ff::test::same;
using torch::nn::Embedding;
using torch::nn::EmbeddingFromPretrainedOptions;
using torch::nn::EmbeddingOptions;

torch::Tensor indices() {
  return torch::tensor({{3, 0, 2}, {1, 3, 3}});
}

TEST(QuantizedEmbedding, IsATwinOfEmbedding) {
  expect_twin_of<QuantizedEmbedding>(Embedding(4, 5), indices());
  expect_twin_of<QuantizedEmbedding>(Embedding(EmbeddingOptions(4, 5).padding_idx(-1)), indices());
  expect_twin_of<QuantizedEmbedding>(Embedding(EmbeddingOptions(4, 5).scale_grad_by_freq(true)),
                                     indices());
}

TEST(QuantizedEmbedding, HasNoInputQuantizer) {
  EXPECT_EQ(QuantizedEmbedding(4, 5)->quantizer_names(),
            (std::set<std::string>{"output_quantizer", "weight_quantizer"}));
}

TEST(QuantizedEmbedding, MaxNormShortensTheParameterFirst) {
  const auto options = EmbeddingOptions(4, 5).max_norm(0.5).norm_type(1.0);
  Embedding plain(options);
  QuantizedEmbedding twin(*ff::test::copy_of(*plain));
  {
    const ff::StrictGuard relaxed(false);
    EXPECT_TRUE(same(twin->forward(indices()), plain->forward(indices())));
  }
  EXPECT_TRUE(same(twin->weight, plain->weight));
  ff::test::calibrated(twin.ptr(), indices());
  const torch::Tensor weight = twin->weight_quantizer()->forward(plain->weight).dequantize();
  const torch::Tensor rows = torch::embedding(weight, indices());
  EXPECT_TRUE(same(twin->forward(indices()).dequantize(),
                   twin->output_quantizer()->forward(rows).dequantize()));
}

TEST(QuantizedEmbedding, ClonesOfPretrainedOnesHaveAWeightOfTheirOwn) {
  Embedding plain =
      Embedding::from_pretrained(random_data({4, 5}, 1), EmbeddingFromPretrainedOptions());
  QuantizedEmbedding twin(*plain);
  EXPECT_TRUE(twin->weight.is_same(plain->weight));
  const auto copy = ff::test::copy_of(*twin);
  EXPECT_TRUE(same(copy->weight, twin->weight));
  EXPECT_FALSE(copy->weight.is_alias_of(twin->weight));
  EXPECT_FALSE(copy->weight.requires_grad()) << "pretrained ones are frozen";
}

}  // namespace
