#include "fastforward/model/quantization_config.h"

#include <c10/util/Exception.h>
#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <vector>

#include "fastforward/nn/linear_quantizer.h"
#include "fastforward/nn/named_quantizers.h"
#include "fastforward/range_setting/min_max.h"
#include "model/mpath_model.h"
#include "support/expect_error.h"

namespace {

using ff::OverwritePolicy;
using ff::QuantizationConfig;
using ff::nn::LinearQuantizer;
using ff::nn::LinearQuantizerOptions;
using Names = std::vector<std::string>;

// What TORCH_WARN says, for a scope.
class Warnings final : public c10::WarningHandler {
 public:
  Warnings() : scope_(this) {}
  void process(const c10::Warning& warning) override {
    texts.push_back(warning.msg());
  }
  Names texts;

 private:
  c10::WarningUtils::WarningHandlerGuard scope_;
};

QuantizationConfig weights_and_head() {
  QuantizationConfig config;
  config.add_rule<LinearQuantizer>("**/[qtag:parameter]", LinearQuantizerOptions(4))
      .add_rule<LinearQuantizer>("layers/1/weight_quantizer", LinearQuantizerOptions(8));
  return config;
}

TEST(QuantizationConfig, LaterRulesWin) {
  const ff::test::Nested model;
  const ff::ConfigReport report = weights_and_head().initialize(model);
  ASSERT_EQ(report.rules.size(), 2);
  EXPECT_EQ(report.rules[0].query, "**/[qtag:parameter]");
  EXPECT_EQ(report.rules[0].filled, (Names{"layers.0.weight_quantizer", "layers.0.bias_quantizer",
                                           "layers.1.bias_quantizer"}));
  EXPECT_EQ(report.rules[0].overridden, (Names{"layers.1.weight_quantizer"}));
  EXPECT_EQ(report.rules[1].filled, (Names{"layers.1.weight_quantizer"}));
  EXPECT_EQ(report.left,
            (Names{"layers.0.output_quantizer", "layers.1.output_quantizer", "input_quantizer"}));
  const auto bits = [&](const char* path) {
    return dynamic_cast<const ff::nn::LinearQuantizerImpl&>(
               *ff::find_quantizers(model, path)[0].module)
        .options.num_bits();
  };
  EXPECT_EQ(bits("layers/0/weight_quantizer"), 4);
  EXPECT_EQ(bits("layers/1/weight_quantizer"), 8);
}

TEST(QuantizationConfig, ReportPrints) {
  const ff::test::Nested model;
  std::ostringstream stream;
  stream << weights_and_head().initialize(model);
  EXPECT_EQ(stream.str(),
            "**/[qtag:parameter]: 3 filled, 1 overridden by a later rule, 0 skipped\n"
            "    layers.0.weight_quantizer\n"
            "    layers.0.bias_quantizer\n"
            "    layers.1.bias_quantizer\n"
            "    overridden: layers.1.weight_quantizer\n"
            "layers/1/weight_quantizer: 1 filled, 0 overridden by a later rule, 0 skipped\n"
            "    layers.1.weight_quantizer\n"
            "without a rule: 3\n"
            "    layers.0.output_quantizer\n"
            "    layers.1.output_quantizer\n"
            "    input_quantizer\n");
}

TEST(QuantizationConfig, ARuleThatMatchesNothingWarns) {
  const ff::test::Nested model;
  Warnings warnings;
  QuantizationConfig config;
  config.add_rule<LinearQuantizer>("tail/**", LinearQuantizerOptions(4));
  const ff::ConfigReport report = config.initialize(model);
  EXPECT_TRUE(report.rules[0].matches_nothing());
  EXPECT_EQ(warnings.texts,
            (Names{"QuantizationConfig: the rule 'tail/**' matches no quantizer of the model."}));
}

TEST(QuantizationConfig, AnErrorLeavesTheModelAsItWas) {
  const ff::test::Nested model;
  QuantizationConfig config;
  config.add_rule<LinearQuantizer>("**/[qtag:parameter]", LinearQuantizerOptions(4))
      .add_rule<LinearQuantizer>("input_quantizer", LinearQuantizerOptions(40));
  EXPECT_ERROR(c10::ValueError, "num_bits is 40", config.initialize(model));
  EXPECT_TRUE(ff::nn::named_quantizers(model).empty());
  EXPECT_ERROR(c10::ValueError, "QuantizationConfig: the factory of the rule 'a/b' is empty.",
               config.add_rule("a/b", ff::QuantizerFactory()));
}

TEST(QuantizationConfig, PolicyForWhatIsThere) {
  const ff::test::Nested model;
  weights_and_head().initialize(model);
  EXPECT_ERROR(c10::ValueError, "has a LinearQuantizer already",
               weights_and_head().initialize(model));
  const ff::ConfigReport report = weights_and_head().initialize(model, OverwritePolicy::kSkip);
  EXPECT_TRUE(report.rules[0].filled.empty());
  EXPECT_EQ(report.rules[1].skipped, (Names{"layers.1.weight_quantizer"}));
  EXPECT_EQ(
      weights_and_head().initialize(model, OverwritePolicy::kOverwrite).rules[0].filled.size(), 3);
}

TEST(QuantizationConfig, EstimatorsBelongToTheLastRule) {
  const auto smoothed = ff::range_setting::smoothed_minmax();
  QuantizationConfig config = weights_and_head();
  config.estimate_with(smoothed);
  const ff::test::Nested model;
  const ff::ConfigReport report = config.initialize(model);
  EXPECT_EQ(report.rules[0].estimator, nullptr);
  EXPECT_EQ(report.rules[1].estimator, smoothed);
  EXPECT_ERROR(c10::ValueError,
               "QuantizationConfig: estimate_with needs a rule; call add_rule() first.",
               QuantizationConfig().estimate_with(smoothed));
  EXPECT_ERROR(c10::ValueError,
               "QuantizationConfig: the estimator of the rule 'layers/1/weight_quantizer' is null; "
               "give one like ff::range_setting::mse_grid().",
               config.estimate_with(nullptr));
}

TEST(QuantizationConfig, LeavesPlacesInFloat) {
  QuantizationConfig config = weights_and_head();
  config.leave_float("layers/0/**");
  const ff::test::Nested model;
  const ff::ConfigReport report = config.initialize(model);
  EXPECT_EQ(report.rules[2].filled, (Names{"layers.0.weight_quantizer", "layers.0.bias_quantizer",
                                           "layers.0.output_quantizer"}));
  EXPECT_EQ(
      report.rules[0].overridden,
      (Names{"layers.0.weight_quantizer", "layers.0.bias_quantizer", "layers.1.weight_quantizer"}));
  EXPECT_EQ(ff::nn::named_quantizers(model).size(), 2) << "those of layers.1";
  EXPECT_EQ(ff::nn::named_quantizers(model)[0].first, "layers.1.weight_quantizer");
}

TEST(QuantizationConfig, AppendedRulesWin) {
  QuantizationConfig first, second;
  first.add_rule<LinearQuantizer>("**/weight_quantizer", LinearQuantizerOptions(8));
  second.add_rule<LinearQuantizer>("layers/0/**", LinearQuantizerOptions(4))
      .estimate_with(ff::range_setting::narrow_minmax());
  first.append(second);
  EXPECT_EQ(first.size(), 2);
  EXPECT_EQ(first.selectors()[1].str(), "layers/0/**");
  const ff::test::Nested model;
  const ff::ConfigReport report = first.initialize(model);
  EXPECT_EQ(report.rules[0].overridden, (Names{"layers.0.weight_quantizer"}));
  EXPECT_EQ(report.rules[1].estimator->name(), "narrow_minmax");
  first.append(first);
  EXPECT_EQ(first.size(), 4) << "also to itself";
}

}  // namespace
