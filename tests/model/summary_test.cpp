#include "fastforward/model/summary.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "fastforward/nn/dynamic_linear_quantizer.h"
#include "fastforward/nn/linear_quantizer.h"
#include "model/mpath_model.h"
#include "support/tensors.h"

namespace {

using ff::nn::LinearQuantizer;
using ff::nn::LinearQuantizerOptions;

ff::test::Nested model_with_quantizers() {
  ff::test::Nested model;
  auto weights = ff::find_quantizers(model, "layers/0/weight_quantizer");
  weights.initialize<LinearQuantizer>(LinearQuantizerOptions(4).granularity(ff::PerChannel(0)));
  dynamic_cast<ff::nn::LinearQuantizerImpl&>(*weights[0].module)
      .set_quantization_range(ff::test::floats({-8, -16}), ff::test::floats({7, 14}));
  ff::find_quantizers(model, "layers/0/bias_quantizer")
      .initialize<LinearQuantizer>(LinearQuantizerOptions(16));
  ff::find_quantizers(model, "input_quantizer")
      .initialize<ff::nn::DynamicLinearQuantizer>(ff::nn::DynamicLinearQuantizerOptions(8));
  return model;
}

TEST(Summary, Prints) {
  std::ostringstream stream;
  stream << ff::summarize(model_with_quantizers());
  EXPECT_EQ(stream.str(),
            "quantizer                  tags                     type                    bits  "
            "granularity    range\n"
            "layers.0.weight_quantizer  parameter/weight         LinearQuantizer         4     "
            "PerChannel(0)  -16 to 14 (2 tiles)\n"
            "layers.0.bias_quantizer    parameter/bias           LinearQuantizer         16    "
            "PerTensor()    not initialized\n"
            "layers.0.output_quantizer  activation/output, head  QuantizerStub           -     "
            "-              not initialized\n"
            "layers.1.weight_quantizer  parameter/weight         QuantizerStub           -     "
            "-              not initialized\n"
            "layers.1.bias_quantizer    parameter/bias           QuantizerStub           -     "
            "-              not initialized\n"
            "layers.1.output_quantizer  activation/output, head  QuantizerStub           -     "
            "-              not initialized\n"
            "input_quantizer            activation/input         DynamicLinearQuantizer  8     "
            "PerTensor()    -\n");
}

TEST(Summary, IsJson) {
  const auto json = nlohmann::json::parse(ff::summarize(model_with_quantizers()).to_json());
  ASSERT_EQ(json["quantizers"].size(), 7);
  EXPECT_EQ(json["quantizers"][0], nlohmann::json::parse(R"json(
      {"name": "layers.0.weight_quantizer", "tags": ["parameter/weight"], "type": "LinearQuantizer",
       "num_bits": 4, "granularity": "PerChannel(0)", "range": [-16.0, 14.0], "tiles": 2,
       "initialized": true})json"));
  EXPECT_EQ(json["quantizers"][2], nlohmann::json::parse(R"json(
      {"name": "layers.0.output_quantizer", "tags": ["activation/output", "head"],
       "type": "QuantizerStub", "num_bits": null, "granularity": null, "range": null,
       "tiles": null, "initialized": false})json"));
}

TEST(Summary, OfACollection) {
  const ff::test::Nested model = model_with_quantizers();
  std::ostringstream stream;
  stream << ff::find_quantizers(model, "input_quantizer");
  EXPECT_EQ(stream.str(),
            "quantizer        tags              type                    bits  granularity  range\n"
            "input_quantizer  activation/input  DynamicLinearQuantizer  8     PerTensor()  -\n");
  EXPECT_TRUE(ff::summarize(torch::nn::Linear(1, 1)).quantizers.empty());
}

}  // namespace
