#include "fastforward/model/coverage.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "fastforward/model/autoquantize.h"
#include "model/explicit_quantization.h"
#include "support/tensors.h"

namespace {

using ff::CallCoverage;
using ff::Coverage;
using ff::FloatModel;
using ff::test::random_data;
using Names = std::vector<std::string>;

// linear, relu, flatten, linear, softmax
ff::QuantizedModel model_of(const ff::QuantizationConfig& config = ff::presets::w8a8()) {
  const torch::Tensor w = random_data({4, 3}, 1), v = random_data({2, 8}, 2);
  const FloatModel net([=](const torch::Tensor& x) {
    return torch::softmax(torch::linear(torch::relu(torch::linear(x, w)).flatten(1), v), -1);
  });
  return ff::autoquantize(net, random_data({5, 2, 3}, 3), config);
}

TEST(Coverage, SaysWhatIsQuantizedOfEachCall) {
  const Coverage coverage = model_of()->coverage();
  ASSERT_EQ(coverage.calls.size(), 5);
  const CallCoverage& first = coverage.calls[0];
  EXPECT_EQ(first.site, "linear");
  EXPECT_EQ(first.op, "aten::linear");
  EXPECT_EQ(first.shape, (std::vector<int64_t>{5, 2, 4}));
  EXPECT_EQ(first.weight, "8 bits PerChannel(0)");
  EXPECT_EQ(first.operands, (Names{"inputs.0"}));
  EXPECT_EQ(first.result, "");
  EXPECT_EQ(first.reason, "goes on in relu");
  EXPECT_TRUE(first.is_quantized);
  EXPECT_EQ(coverage.calls[1].result, "8 bits PerTensor()");
  EXPECT_EQ(coverage.calls[1].reason, "");
  EXPECT_TRUE(coverage.calls[1].is_quantized);
  EXPECT_EQ(coverage.calls[2].op, "aten::flatten");
  EXPECT_EQ(coverage.calls[2].operands, (Names{"relu"}));
  EXPECT_EQ(coverage.calls[2].reason, "keeps the grid of its operand");
  EXPECT_TRUE(coverage.calls[2].is_quantized);
  EXPECT_EQ(coverage.calls[3].operands, (Names{"relu"}));
  EXPECT_EQ(coverage.calls[3].reason, "read in float by softmax");
  EXPECT_TRUE(coverage.calls[3].is_quantized);
  EXPECT_EQ(coverage.calls[4].reason, "returned by the model, stays float");
  EXPECT_FALSE(coverage.calls[4].is_quantized);
  EXPECT_EQ(coverage.quantized(), 4);
  EXPECT_TRUE(coverage.unseen.empty());
}

TEST(Coverage, SaysWhatTheRulesLeft) {
  ff::QuantizationConfig config = ff::presets::w8a8();
  config.leave_float("relu/output");
  const Coverage coverage = model_of(config)->coverage();
  EXPECT_EQ(coverage.calls[1].result, "float");
  EXPECT_EQ(coverage.calls[1].reason, "left in float by the rules");
  EXPECT_FALSE(coverage.calls[1].is_quantized);
  EXPECT_FALSE(coverage.calls[2].is_quantized);
  EXPECT_EQ(coverage.calls[3].operands, (Names{"float"}));
  EXPECT_FALSE(coverage.calls[3].is_quantized) << "an integer product needs both operands";
  EXPECT_EQ(model_of(ff::presets::w8())->coverage().quantized(), 0) << "weights only";
}

TEST(Coverage, SaysWhatIsFolded) {
  torch::nn::Sequential net(torch::nn::Conv2d(torch::nn::Conv2dOptions(3, 4, 1)),
                            torch::nn::BatchNorm2d(4), torch::nn::ReLU(),
                            torch::nn::Conv2d(torch::nn::Conv2dOptions(4, 2, 1)));
  const Coverage coverage = ff::autoquantize(net, random_data({1, 3, 4, 4}, 1))->coverage();
  ASSERT_EQ(coverage.calls.size(), 4);
  EXPECT_EQ(coverage.calls[1].reason, "folded into 0.conv2d");
  EXPECT_TRUE(coverage.calls[1].is_quantized);
}

TEST(Coverage, SaysWhatTheTableDoesNotKnow) {
  const torch::Tensor w = random_data({3, 3}, 1);
  const ff::QuantizedModel model = ff::autoquantize(
      ff::FloatModel([=](const torch::Tensor& x) { return torch::cumsum(x.mm(w), 0); }),
      random_data({3, 3}, 2));
  EXPECT_EQ(model->coverage().calls.back().reason,
            "not in the table of operators, returned by the model, stays float");
}

TEST(Coverage, SeveralReadersOfAValue) {
  const torch::Tensor w = random_data({3, 3}, 1);
  const FloatModel net([=](const torch::Tensor& x) {
    const torch::Tensor h = torch::linear(x, w);
    return torch::linear(h, w) * torch::softmax(h, -1);
  });
  const Coverage coverage = ff::autoquantize(net, random_data({5, 3}, 3))->coverage();
  EXPECT_EQ(coverage.calls[0].result, "8 bits PerTensor(), for those that want it");
}

TEST(Coverage, Prints) {
  std::ostringstream stream;
  stream << model_of()->coverage();
  EXPECT_EQ(
      stream.str(),
      "site      operator       shape      weight                operands  result              "
      "reason\n"
      "linear    aten::linear   [5, 2, 4]  8 bits PerChannel(0)  inputs.0  -                   "
      "goes on in relu\n"
      "relu      aten::relu     [5, 2, 4]  -                     float     8 bits PerTensor()  "
      "\n"
      "flatten   aten::flatten  [5, 8]     -                     relu      -                   "
      "keeps the grid of its operand\n"
      "linear_1  aten::linear   [5, 2]     8 bits PerChannel(0)  relu      -                   "
      "read in float by softmax\n"
      "softmax   aten::softmax  [5, 2]     -                     float     -                   "
      "returned by the model, stays float\n"
      "4 of 5 calls are quantized\n");
}

TEST(Coverage, PrintsCallsThatNoExampleShowed) {
  Coverage coverage;
  coverage.unseen["aten::add"] = 3;
  std::ostringstream stream;
  stream << coverage;
  EXPECT_NE(stream.str().find("not in any example, in float: aten::add, 3 times\n"),
            std::string::npos);
}

TEST(Coverage, IsJson) {
  Coverage coverage = model_of()->coverage();
  coverage.unseen["aten::add"] = 3;
  const auto json = nlohmann::json::parse(coverage.to_json());
  ASSERT_EQ(json["calls"].size(), 5);
  EXPECT_EQ(json["calls"][0], nlohmann::json::parse(R"json(
      {"site": "linear", "operator": "aten::linear", "shape": [5, 2, 4],
       "weight": "8 bits PerChannel(0)", "operands": ["inputs.0"], "result": "",
       "quantized": true, "reason": "goes on in relu", "integers": ""})json"));
  EXPECT_EQ(json["unseen"], nlohmann::json::parse(R"json({"aten::add": 3})json"));
}

TEST(Coverage, AnUnknownOperatorIsNotQuantized) {
  const torch::Tensor w = random_data({4, 4}, 1);
  const ff::FloatModel net([=](const torch::Tensor& x) {
    return torch::linear(torch::cumsum(torch::linear(x, w), -1), w);
  });
  const Coverage coverage = ff::autoquantize(net, random_data({3, 4}, 2))->coverage();
  ASSERT_EQ(coverage.calls.size(), 3);
  EXPECT_EQ(coverage.calls[1].op, "aten::cumsum");
  EXPECT_EQ(coverage.calls[1].result, "8 bits PerTensor()") << "for the product behind it";
  EXPECT_EQ(coverage.calls[1].reason, "not in the table of operators, computed in float");
  EXPECT_FALSE(coverage.calls[1].is_quantized);
  EXPECT_EQ(coverage.quantized(), 2);
}

}  // namespace
