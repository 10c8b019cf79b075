#include "fastforward/storage/quantization_config.h"

#include <c10/util/Exception.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "fastforward/nn/dynamic_linear_quantizer.h"
#include "fastforward/nn/linear_quantizer.h"
#include "fastforward/nn/quantized_linear.h"
#include "fastforward/nn/quantizer_stub.h"
#include "support/expect_error.h"
#include "support/temporary_folder.h"

namespace {

using ff::parse_quantization_config;
using Names = std::vector<std::string>;

struct TwoLayersImpl : torch::nn::Module {
  TwoLayersImpl()
      : body(register_module("body", ff::nn::QuantizedLinear(4, 4))),
        head(register_module("head", ff::nn::QuantizedLinear(4, 2))) {}
  ff::nn::QuantizedLinear body, head;
};
TORCH_MODULE(TwoLayers);

class RulesFile : public ff::test::TemporaryFolder {};

// A text with one rule.
std::string rule(const std::string& members) {
  return R"({"version": 1, "rules": [{"query": "**/[qtag:parameter/weight]", )" + members + "}]}";
}

const ff::nn::LinearQuantizerOptions& weight_options(const TwoLayers& model,
                                                     const std::string& path) {
  return dynamic_cast<const ff::nn::LinearQuantizerImpl&>(
             *ff::find_quantizers(model, path)[0].module)
      .options;
}

TEST(RulesJson, FillTheirPlaces) {
  const TwoLayers model;
  const ff::ConfigReport report = parse_quantization_config(R"({
        "version": 1,
        "aliases": {"w": "[qtag:parameter/weight]", "head": "head/&w"},
        "rules": [
          {"query": "**/&w", "quantizer": "LinearQuantizer",
           "settings": {"num_bits": 4, "granularity": "per_channel", "allow_one_sided": false}},
          {"query": "**/[qtag:activation/output]", "quantizer": "DynamicLinearQuantizer",
           "settings": {"num_bits": 8, "symmetric": false}},
          {"query": "&head", "quantizer": "LinearQuantizer",
           "settings": {"num_bits": 8, "granularity": "per_block", "block_axes": [1],
                        "block_sizes": [2], "channel_axes": [0], "param_dtype": "float64"}}]})")
                                      .initialize(model);
  EXPECT_EQ(report.rules[0].filled, Names{"body.weight_quantizer"});
  EXPECT_EQ(report.rules[0].overridden, Names{"head.weight_quantizer"});
  EXPECT_EQ(report.rules[1].filled, (Names{"body.output_quantizer", "head.output_quantizer"}));
  EXPECT_EQ(report.rules[2].filled, Names{"head.weight_quantizer"});

  const auto& body = weight_options(model, "body/weight_quantizer");
  EXPECT_EQ(body.num_bits(), 4);
  EXPECT_TRUE(body.symmetric());
  EXPECT_FALSE(body.allow_one_sided());
  EXPECT_EQ(body.granularity(), ff::Granularity(ff::PerChannel(0)));
  const auto& head = weight_options(model, "head/weight_quantizer");
  EXPECT_EQ(head.num_bits(), 8);
  EXPECT_EQ(head.granularity(), ff::Granularity(ff::PerBlock(1, 2, {0})));
  EXPECT_EQ(head.param_dtype(), at::kDouble);
  const auto output = ff::find_quantizers(model, "body/output_quantizer");
  EXPECT_NE(dynamic_cast<const ff::nn::DynamicLinearQuantizerImpl*>(output[0].module.get()),
            nullptr);
}

TEST(RulesJson, EachPlaceHasAQuantizerOfItsOwn) {
  const TwoLayers model;
  parse_quantization_config(rule(R"("quantizer": "LinearQuantizer", "settings": {"num_bits": 8})"))
      .initialize(model);
  const auto found = ff::find_quantizers(model, "**/[qtag:parameter/weight]");
  ASSERT_EQ(found.size(), 2);
  EXPECT_NE(found[0].module, found[1].module);
}

TEST(RulesJson, AStubLeavesAPlaceInFloat) {
  const TwoLayers model;
  parse_quantization_config(R"({"version": 1, "rules": [
      {"query": "**/[qtag:parameter/weight]", "quantizer": "LinearQuantizer",
       "settings": {"num_bits": 8}},
      {"query": "head/*", "quantizer": "QuantizerStub"}]})")
      .initialize(model);
  const auto found = ff::find_quantizers(model, "**/[qtag:parameter/weight]");
  EXPECT_EQ(dynamic_cast<const ff::nn::QuantizerStubImpl*>(found[0].module.get()), nullptr);
  EXPECT_NE(dynamic_cast<const ff::nn::QuantizerStubImpl*>(found[1].module.get()), nullptr);
}

TEST(RulesJson, TheExampleOfTheDocumentationIsRead) {
  const std::string page = ff::test::bytes_of(FF_DOCS "/configuration.md");
  const size_t begin = page.find("```json\n") + 8;
  const TwoLayers model;
  const ff::ConfigReport report =
      parse_quantization_config(page.substr(begin, page.find("```", begin) - begin))
          .initialize(model);
  EXPECT_EQ(report.rules[0].filled, Names{"body.weight_quantizer"});
  EXPECT_EQ(report.rules[1].filled, (Names{"body.input_quantizer", "body.output_quantizer"}));
  EXPECT_EQ(report.rules[2].filled.size(), 4);  // all of the head
}

TEST(RulesJson, NoRulesAreAConfig) {
  EXPECT_EQ(parse_quantization_config(R"({"version": 1, "rules": []})").size(), 0);
}

TEST(RulesJson, MayBeginWithAPresetAndNameEstimators) {
  const ff::QuantizationConfig config = parse_quantization_config(R"({
        "version": 1, "preset": "w4a8",
        "rules": [{"query": "head/weight_quantizer", "quantizer": "LinearQuantizer",
                   "settings": {"num_bits": 6},
                   "estimator": {"name": "mse_grid", "num_candidates": 7}},
                  {"query": "head/output_quantizer", "quantizer": "LinearQuantizer",
                   "settings": {"num_bits": 8}, "estimator": "smoothed_minmax"}]})");
  const TwoLayers model;
  const ff::ConfigReport report = config.initialize(model);
  EXPECT_EQ(config.size(), 4);
  EXPECT_EQ(weight_options(model, "body/weight_quantizer").num_bits(), 4);
  EXPECT_EQ(weight_options(model, "head/weight_quantizer").num_bits(), 6);
  EXPECT_EQ(report.rules[2].estimator->name(), "min_error_grid");
  EXPECT_EQ(report.rules[3].estimator->name(), "smoothed_minmax");
}

TEST(RulesJson, MistakesAreNamedWithTheirPlace) {
  struct Mistake {
    std::string text;
    const char* error;
  };
  const std::vector<Mistake> mistakes = {
      {"{", "rules: byte 1 (line 1, column 2): "},
      {"[]", "rules: expected an object, got "},
      {R"({"rules": []})", "rules: the key \"version\" is missing"},
      {R"({"version": 1})", "rules: the key \"rules\" is missing"},
      {R"({"version": 2, "rules": []})",
       "rules: /version: version 2, but this library reads up to 1"},
      {R"({"version": 1, "rules": [], "rule": []})", "rules: "},
      {R"({"version": 1, "rules": {}})", "rules: /rules: expected an array, got "},
      {rule(R"("quantizer": "Linear")"),
       "rules: /rules/0/quantizer: expected one of the types DynamicLinearQuantizer, "
       "LinearQuantizer, QuantizerStub, got \"Linear\""},
      {rule(R"("quantizer": 8)"), "rules: /rules/0/quantizer: expected a string, got 8"},
      {rule(R"("quantizer": "LinearQuantizer")"),
       "rules: /rules/0: LinearQuantizer: the setting 'num_bits' is missing."},
      {rule(R"("quantizer": "LinearQuantizer", "settings": {"num_bits": "eight"})"),
       "rules: /rules/0/settings: LinearQuantizer: the setting 'num_bits' is eight; expected an "
       "integer."},
      {rule(R"("quantizer": "LinearQuantizer", "settings": {"num_bits": 17})"),
       "rules: /rules/0/settings: "},
      {rule(R"("quantizer": "LinearQuantizer", "settings": {"num_bits": 8, "bits": 8})"),
       "rules: /rules/0/settings: LinearQuantizer: unknown setting 'bits'; known are "},
      {rule(R"("quantizer": "LinearQuantizer", "settings": {"num_bits": 8, "granularity": "row"})"),
       "rules: /rules/0/settings: the setting 'granularity' is \"row\"; expected per_tensor, "},
      {rule(R"("quantizer": "LinearQuantizer", "settings": {"num_bits": 8, "x": {"y": 1}})"),
       "rules: /rules/0/settings/x: expected one key: "},
      {rule(R"("quantizer": "QuantizerStub", "enabled": true)"), "rules: /rules/0"},
      {R"({"version": 1, "preset": "w9", "rules": []})",
       "rules: /preset: expected one of the presets w4a16, w4a8, w8, w8a16, w8a8, "
       "w8a8_per_token, got \"w9\""},
      {rule(R"("quantizer": "QuantizerStub", "estimator": "best")"),
       "rules: /rules/0/estimator: expected "},
      {rule(R"("quantizer": "QuantizerStub", "estimator": {"gamma": 1})"),
       "rules: /rules/0/estimator: the key \"name\" is missing"},
      {rule(R"("quantizer": "QuantizerStub", "estimator": {"name": "running_minmax", "gamma": 1})"),
       "rules: /rules/0/estimator"},
      {rule(
           R"("quantizer": "QuantizerStub", "estimator": {"name": "mse_grid", "num_candidates": 0})"),
       "rules: /rules/0/estimator/num_candidates: expected an integer from 1 to "},
      {rule(
           R"("quantizer": "QuantizerStub", "estimator": {"name": "smoothed_minmax", "gamma": 2})"),
       "rules: /rules/0/estimator/gamma: expected a number from "},
      {R"({"version": 1, "rules": [{"query": "a//b", "quantizer": "QuantizerStub"}]})",
       "rules: /rules/0/query: mpath: character 3: expected a name, '*', '**', '[', '{', '~' or "
       "'&'\n  a//b\n    ^"},
      {R"({"version": 1, "aliases": {"b": "&a", "a": "x"}, "rules": []})",
       "rules: /aliases/b: mpath: character 2: expected the name of an alias, but none is called "
       "'a'"},
  };
  for (const Mistake& mistake : mistakes)
    EXPECT_ERROR(c10::ValueError, mistake.error, parse_quantization_config(mistake.text));
}

TEST_F(RulesFile, IsNamedInErrors) {
  const auto path = folder_ / "w8.json";
  const std::string text = rule(R"("quantizer": "LinearQuantizer", "settings": {"num_bits": 8})");
  ff::test::write_bytes(path, text);
  EXPECT_EQ(ff::load_quantization_config(path).size(), 1);
  ff::test::write_bytes(path, text + "]");
  EXPECT_ERROR(c10::ValueError, path.string() + ": byte ", ff::load_quantization_config(path));
  EXPECT_ERROR(c10::ValueError, "load_quantization_config: ",
               ff::load_quantization_config(folder_ / "missing.json"));
  EXPECT_ERROR(c10::ValueError,
               "load_quantization_config: ", ff::load_quantization_config(folder_));
}

}  // namespace
