#include "fastforward/model/quantizer_collection.h"

#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <vector>

#include "fastforward/nn/linear_quantizer.h"
#include "model/mpath_model.h"
#include "support/expect_error.h"
#include "support/tensors.h"

namespace {

using ff::find_quantizers;
using ff::OverwritePolicy;
using ff::nn::LinearQuantizer;
using ff::nn::LinearQuantizerImpl;
using ff::nn::LinearQuantizerOptions;
using Names = std::vector<std::string>;

int64_t bits_at(const ff::test::Nested& model, const std::string& path) {
  const auto found = find_quantizers(model, path);
  const auto* quantizer = dynamic_cast<const LinearQuantizerImpl*>(found[0].module.get());
  return quantizer == nullptr ? 0 : quantizer->options.num_bits();
}

TEST(QuantizerCollection, HasQuantizersOnly) {
  const ff::test::Nested model;
  EXPECT_EQ(
      find_quantizers(model, "layers/0/*").names(),
      (Names{"layers.0.weight_quantizer", "layers.0.bias_quantizer", "layers.0.output_quantizer"}));
  EXPECT_TRUE(find_quantizers(model, "stem").empty());
  EXPECT_EQ((find_quantizers(model, "**") - find_quantizers(model, "**/[qtag:parameter]")).names(),
            (Names{"layers.0.output_quantizer", "layers.1.output_quantizer", "input_quantizer"}));
}

TEST(QuantizerCollection, InitializesWithOptions) {
  const ff::test::Nested model;
  auto weights = find_quantizers(model, "**/[qtag:parameter/weight]");
  weights.initialize<LinearQuantizer>(LinearQuantizerOptions(4));
  EXPECT_EQ(bits_at(model, "layers/0/weight_quantizer"), 4);
  EXPECT_EQ(bits_at(model, "layers/1/weight_quantizer"), 4);
  EXPECT_EQ(bits_at(model, "layers/1/bias_quantizer"), 0);
  // Each place has its own, with the metadata of the stub, so it is found again.
  EXPECT_NE(weights[0].module, weights[1].module);
  EXPECT_EQ(find_quantizers(model, "**/[qtag:parameter/weight]"), weights);
}

TEST(QuantizerCollection, InitializesByMetadataAndByFactory) {
  const ff::test::Nested model;
  find_quantizers(model, "layers/0/*")
      .initialize<LinearQuantizer>([](const ff::nn::QuantizerMetadata& metadata) {
        return LinearQuantizerOptions(metadata.has_tag("parameter/bias") ? 16 : 8);
      });
  EXPECT_EQ(bits_at(model, "layers/0/bias_quantizer"), 16);
  EXPECT_EQ(bits_at(model, "layers/0/output_quantizer"), 8);
  Names seen;
  find_quantizers(model, "layers/1/*")
      .initialize([&](const std::string& path, const ff::nn::QuantizerImpl& present) {
        EXPECT_NE(dynamic_cast<const ff::nn::QuantizerStubImpl*>(&present), nullptr);
        seen.push_back(path);
        return ff::nn::Quantizer(LinearQuantizer(2).ptr());
      });
  EXPECT_EQ(seen, (Names{"layers.1.weight_quantizer", "layers.1.bias_quantizer",
                         "layers.1.output_quantizer"}));
}

TEST(QuantizerCollection, PolicyForWhatIsThere) {
  const ff::test::Nested model;
  const auto all = [&] { return find_quantizers(model, "layers/0/*"); };
  find_quantizers(model, "layers/0/bias_quantizer")
      .initialize<LinearQuantizer>(LinearQuantizerOptions(16));
  EXPECT_ERROR(c10::ValueError,
               "QuantizerCollection: 'layers.0.bias_quantizer' has a LinearQuantizer already; give "
               "OverwritePolicy::kOverwrite to replace it, or kSkip to keep it.",
               all().initialize<LinearQuantizer>(LinearQuantizerOptions(4)));
  // Nothing has changed then.
  EXPECT_EQ(bits_at(model, "layers/0/weight_quantizer"), 0);
  all().initialize<LinearQuantizer>(LinearQuantizerOptions(4), OverwritePolicy::kSkip);
  EXPECT_EQ(bits_at(model, "layers/0/weight_quantizer"), 4);
  EXPECT_EQ(bits_at(model, "layers/0/bias_quantizer"), 16);
  all().replace(ff::make_quantizers<LinearQuantizer>(LinearQuantizerOptions(5)));
  EXPECT_EQ(bits_at(model, "layers/0/weight_quantizer"), 5);
  EXPECT_EQ(bits_at(model, "layers/0/bias_quantizer"), 5);
}

TEST(QuantizerCollection, SharedQuantizersStayShared) {
  torch::nn::Sequential model;
  const ff::nn::Quantizer shared(ff::nn::QuantizerStub().ptr());
  model->push_back("a", torch::nn::AnyModule(shared.ptr()));
  model->push_back("b", torch::nn::AnyModule(shared.ptr()));
  auto found = find_quantizers(model, "*");
  EXPECT_EQ(found.size(), 2);
  EXPECT_EQ(found.quantizers().size(), 1);
  found.initialize<LinearQuantizer>(LinearQuantizerOptions(3));
  EXPECT_EQ(find_quantizers(model, "a")[0].module, find_quantizers(model, "b")[0].module);
}

TEST(QuantizerCollection, WhatWasReplacedMeanwhileIsAnError) {
  const ff::test::Nested model;
  auto early = find_quantizers(model, "input_quantizer");
  find_quantizers(model, "input_quantizer").initialize<LinearQuantizer>(LinearQuantizerOptions(8));
  EXPECT_ERROR(c10::ValueError,
               "QuantizerCollection: 'input_quantizer' has been replaced since it was found; call "
               "find_quantizers() again.",
               early.initialize<LinearQuantizer>(LinearQuantizerOptions(4)));
}

TEST(QuantizerCollection, FactoriesThatMakeNothingAreErrors) {
  const ff::test::Nested model;
  auto input = find_quantizers(model, "input_quantizer");
  EXPECT_ERROR(c10::ValueError, "QuantizerCollection: the factory is empty.",
               input.initialize(ff::QuantizerFactory()));
  EXPECT_ERROR(c10::ValueError,
               "QuantizerCollection: the factory made no quantizer for 'input_quantizer'",
               input.initialize([](const std::string&, const ff::nn::QuantizerImpl&) {
                 return ff::nn::Quantizer(nullptr);
               }));
}

TEST(QuantizerCollection, DisablesForAScope) {
  const ff::test::Nested model;
  auto input = find_quantizers(model, "input_quantizer");
  input.initialize<LinearQuantizer>(LinearQuantizerOptions(2));
  const auto quantizer = input.quantizers()[0];
  dynamic_cast<LinearQuantizerImpl&>(*quantizer).set_quantization_range(-1.0, 1.0);
  const torch::Tensor data = ff::test::floats({0.3F});
  {
    const auto off = input.disable();
    EXPECT_TRUE(ff::test::same(quantizer->forward(data), data));
    const auto on = input.enable();
    EXPECT_TRUE(ff::is_quantized(quantizer->forward(data)));
  }
  EXPECT_TRUE(ff::is_quantized(quantizer->forward(data)));
}

}  // namespace
