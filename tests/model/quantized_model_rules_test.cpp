#include <gtest/gtest.h>
#include <torch/torch.h>

#include "fastforward/model/autoquantize.h"
#include "fastforward/model/calibrate.h"
#include "fastforward/model/presets.h"
#include "fastforward/nn/quantizer_stub.h"
#include "model/explicit_quantization.h"
#include "support/expect_error.h"
#include "support/tensors.h"

// Places of a quantized model by paths, queries and rules.
namespace {

using ff::FloatModel;
using ff::QuantizedModel;
using ff::test::linear_quantizer;
using ff::test::Names;
using ff::test::on_grid;
using ff::test::random_data;
using ff::test::same;
using ff::test::TwoLayers;
namespace F = torch::nn::functional;

TEST(QuantizedModelRules, FindsAndFillsPlacesByQuery) {
  TwoLayers net;
  QuantizedModel model = ff::autoquantize(net, random_data({16, 4}, 1), ff::QuantizationConfig());
  const auto count = [&](const char* query) { return ff::find_quantizers(model, query).size(); };
  EXPECT_EQ(count("**"), 4);
  EXPECT_EQ(count("**/[cls:addmm]/weight"), 2);
  EXPECT_EQ(count("**/[cls:aten::addmm]/weight"), 2);
  EXPECT_EQ(count("**/[cls:Linear]/**"), 3) << "of the modules: two weights, and the relu in one";
  EXPECT_EQ(count("fc1/[cls:relu]/output"), 1);
  EXPECT_EQ(count("**/[qtag:parameter/weight]"), 2);
  EXPECT_EQ(count("**/[qtag:activation]"), 2);
  EXPECT_EQ(count("inputs/0/output"), 1);
}

TEST(QuantizedModelRules, LaterRulesWin) {
  TwoLayers net;
  const torch::Tensor x = random_data({16, 4}, 1);
  ff::QuantizationConfig config = ff::presets::w8a8();
  config.add_rule<ff::nn::LinearQuantizer>("fc2/**/weight", ff::nn::LinearQuantizerOptions(4));
  config.leave_float("inputs/**");
  QuantizedModel model = ff::autoquantize(net, x, config);
  ff::calibrate(model, x);
  EXPECT_EQ(linear_quantizer(model, "fc2.addmm.weight").options.num_bits(), 4);
  EXPECT_EQ(linear_quantizer(model, "fc1.addmm.weight").options.num_bits(), 8);
  const torch::Tensor h = torch::relu(
      F::linear(x, on_grid(model, "fc1.addmm.weight", net->fc1->weight), net->fc1->bias));
  EXPECT_TRUE(same(
      model(x), F::linear(on_grid(model, "fc1.relu.output", h),
                          on_grid(model, "fc2.addmm.weight", net->fc2->weight), net->fc2->bias)));
}

TEST(QuantizedModelRules, ARuleForWhatCannotBeQuantized) {
  const FloatModel net(
      [](const torch::Tensor& in) { return torch::softmax(torch::mm(in, in.t()), -1); });
  ff::QuantizationConfig config;
  config.add_rule<ff::nn::LinearQuantizer>("**/[cls:softmax]/output",
                                           ff::nn::LinearQuantizerOptions(8));
  EXPECT_ERROR(
      c10::ValueError,
      "QuantizedModel: the rule '**/[cls:softmax]/output' matches 'softmax.output', where nothing "
      "can be quantized: returned by the model, stays float",
      ff::autoquantize(net, random_data({4, 4}, 1), config));
  ff::QuantizationConfig weight;
  weight.add_rule<ff::nn::LinearQuantizer>("fc1/relu/weight", ff::nn::LinearQuantizerOptions(8));
  EXPECT_ERROR(c10::ValueError,
               "matches 'fc1.relu.weight', where nothing can be quantized: it has 'output' only. "
               "Quantizers are the children 'weight' and 'output' of the sites that coverage() "
               "lists as quantized; write the rule for one of them, like 'fc1/relu/output'.",
               ff::autoquantize(TwoLayers(), random_data({16, 4}, 1), weight));
  ff::QuantizationConfig whole;
  whole.add_rule<ff::nn::LinearQuantizer>("**/[cls:softmax]", ff::nn::LinearQuantizerOptions(8));
  EXPECT_ERROR(c10::ValueError, "matches 'softmax', where nothing can be quantized",
               ff::autoquantize(net, random_data({4, 4}, 1), whole));
}

TEST(QuantizedModelRules, ASiteOrModuleIsLeftInFloat) {
  const torch::Tensor x = random_data({16, 4}, 1);
  for (const char* query : {"**/[cls:addmm]", "**/[cls:Linear]", "fc1", "fc1/addmm"}) {
    ff::QuantizationConfig config = ff::presets::w8a8();
    config.leave_float(query);
    QuantizedModel model = ff::autoquantize(TwoLayers(), x, config);
    EXPECT_TRUE(ff::nn::is_stub(*model->find_quantizers("fc1/addmm/weight")[0].module)) << query;
    ff::calibrate(model, x);
    EXPECT_EQ(model(x).sizes(), (std::vector<int64_t>{16, 3})) << query;
  }
}

TEST(QuantizedModelRules, WeightsByPath) {
  TwoLayers net;
  const QuantizedModel model = ff::autoquantize(net, random_data({16, 4}, 1));
  EXPECT_EQ(model->weight_places(), (Names{"fc1.addmm.weight", "fc2.addmm.weight"}));
  EXPECT_TRUE(same(model->weight("fc1.addmm.weight"), net->fc1->weight));
  EXPECT_FALSE(model->weight("fc1.relu.output").defined());
}

TEST(QuantizedModelRules, EstimatorsByPath) {
  QuantizedModel model = ff::autoquantize(TwoLayers(), random_data({16, 4}, 1));
  EXPECT_EQ(model->estimator("fc1.addmm.weight")->name(), "narrow_minmax");
  EXPECT_EQ(model->estimator("none"), nullptr);
  EXPECT_ERROR(c10::ValueError,
               "QuantizedModel: the estimator for 'x' is null; give one like "
               "ff::range_setting::mse_grid().",
               model->set_estimator("x", nullptr));
}

}  // namespace
