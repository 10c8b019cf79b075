#include "fastforward/nn/conversion.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "fastforward/dispatch/strict.h"
#include "fastforward/nn/dynamic_linear_quantizer.h"
#include "fastforward/nn/quantized_activation.h"
#include "fastforward/nn/quantized_attention.h"
#include "fastforward/nn/quantized_linear.h"
#include "fastforward/nn/replace_quantizer.h"
#include "support/expect_error.h"
#include "support/tensors.h"

namespace {

using ff::nn::ConversionReport;
using ff::nn::Conversions;
using ff::nn::QuantizedLinear;
using ff::nn::QuantizedLinearImpl;
using ff::test::random_data;
using ff::test::same;
using torch::nn::Linear;
using torch::nn::ModuleDict;
using torch::nn::ModuleList;
using torch::nn::Sequential;

std::vector<std::string> paths(const std::vector<ConversionReport::Converted>& list) {
  std::vector<std::string> result;
  for (const auto& entry : list)
    result.push_back(entry.path);
  return result;
}

std::vector<std::string> paths(const std::vector<ConversionReport::Unchanged>& list) {
  std::vector<std::string> result;
  for (const auto& entry : list)
    result.push_back(entry.path);
  return result;
}

using Paths = std::vector<std::string>;

TEST(Conversion, SequentialRunsItsTwins) {
  Sequential model(Linear(3, 4), torch::nn::ReLU(), torch::nn::Dropout(), Linear(4, 2),
                   torch::nn::Softmax(1));
  model->eval();
  model[0]->as<Linear>()->weight.set_requires_grad(false);
  const auto parameters = model->named_parameters();
  const torch::Tensor x = random_data({5, 3}, 1);
  const torch::Tensor before = model->forward(x);
  const ConversionReport report = ff::quantized_modules(model);
  EXPECT_EQ(paths(report.converted), (Paths{"0", "1", "3", "4"}));
  EXPECT_EQ(report.converted[0].from, "torch::nn::LinearImpl");
  EXPECT_EQ(report.converted[0].to, "ff::nn::QuantizedLinearImpl");
  EXPECT_EQ(paths(report.kept), (Paths{"2"}));
  EXPECT_TRUE(report.missing.empty());
  EXPECT_NE(model[0]->as<QuantizedLinear>(), nullptr);
  EXPECT_NO_THROW(model->at<QuantizedLinearImpl>(0));
  EXPECT_EQ(model->named_parameters().keys(), parameters.keys());
  for (const auto& parameter : model->named_parameters())
    EXPECT_TRUE(parameter.value().is_same(parameters[parameter.key()]));
  EXPECT_FALSE(model[0]->is_training());
  EXPECT_FALSE(model[0]->as<Linear>()->weight.requires_grad());
  EXPECT_EQ(ff::nn::named_quantizers(model, /*skip_stubs=*/false).size(), 12U);
  {
    const ff::StrictGuard relaxed(false);
    EXPECT_TRUE(same(model->forward(x), before));
  }
  EXPECT_ERROR(c10::TypeError,
               "QuantizedLinear '0': strict quantization: linear got a plain tensor",
               model->forward(x));
}

TEST(Conversion, NestedContainers) {
  ModuleDict dict;
  dict->update(
      {{"list", ModuleList(Linear(3, 4), Sequential(Linear(4, 4), torch::nn::GELU())).ptr()},
       {"norm", torch::nn::LayerNorm(torch::nn::LayerNormOptions({4})).ptr()}});
  const ConversionReport report = ff::quantized_modules(dict);
  EXPECT_EQ(paths(report.converted), (Paths{"list.0", "list.1.0", "list.1.1", "norm"}));
  const auto& list = *dict["list"]->as<ModuleList>();
  EXPECT_NE(list[0]->as<QuantizedLinear>(), nullptr);
  EXPECT_NE((*list[1]->as<Sequential>())[1]->as<ff::nn::QuantizedGELU>(), nullptr);
  EXPECT_NE(dict["norm"]->as<torch::nn::LayerNorm>(), nullptr);
  EXPECT_EQ(dict["norm"]->name(), "ff::nn::QuantizedLayerNormImpl");
}

TEST(Conversion, SharedModulesStayShared) {
  const Linear shared(3, 3);
  Sequential inner(shared);
  ModuleList model(shared, Linear(3, 3), inner, inner);
  const ConversionReport report = ff::quantized_modules(model);
  EXPECT_EQ(paths(report.converted), (Paths{"0", "1", "2.0"}));
  EXPECT_EQ(model[0], (*model[2]->as<Sequential>())[0]);
  EXPECT_NE(model[0], model[1]);
}

// A module of a user's own, with members that are typed.
struct BlockImpl : torch::nn::Cloneable<BlockImpl> {
  BlockImpl() {
    reset();
  }
  void reset() override {
    fc = register_module("fc", Linear(3, 3));
    body = register_module("body", Sequential(Linear(3, 3), torch::nn::AvgPool1d(1)));
  }
  torch::Tensor forward(const torch::Tensor& x) {
    return body->forward(fc(x));
  }
  Linear fc = nullptr;
  Sequential body = nullptr;
};
TORCH_MODULE(Block);

TEST(Conversion, WhatHasNoTwinIsListed) {
  Sequential model{Block()};
  const ConversionReport report = ff::quantized_modules(model);
  EXPECT_EQ(paths(report.converted), (Paths{"0.body.0"}));
  EXPECT_EQ(paths(report.missing), (Paths{"0", "0.fc", "0.body.1"}));
  std::ostringstream text;
  text << report;
  EXPECT_NE(text.str().find("converted  0.body.0: torch::nn::LinearImpl to "
                            "ff::nn::QuantizedLinearImpl\n"),
            std::string::npos)
      << text.str();
  EXPECT_NE(text.str().find("BlockImpl has no known twin; write one and give it to "
                            "Conversions::add\n"),
            std::string::npos)
      << text.str();
  EXPECT_NE(text.str().find("missing    0.fc: torch::nn::LinearImpl is a member of "),
            std::string::npos)
      << text.str();
  EXPECT_NE(text.str().find("BlockImpl, which holds it by its type; declare it there as "
                            "ff::nn::QuantizedLinearImpl\n"),
            std::string::npos)
      << text.str();
  EXPECT_NE(text.str().find("missing    0.body.1: torch::nn::AvgPool1dImpl has no known twin"),
            std::string::npos)
      << text.str();
  const ff::StrictGuard relaxed(false);
  EXPECT_EQ(model->forward(random_data({2, 3}, 1)).sizes(), (std::vector<int64_t>{2, 3}));
}

TEST(Conversion, TheModelItselfCannotBeReplaced) {
  const ConversionReport report = ff::quantized_modules(Linear(3, 3));
  ASSERT_EQ(report.missing.size(), 1U);
  EXPECT_EQ(report.missing[0].path, "");
  EXPECT_EQ(
      report.missing[0].reason,
      "is the model itself, which has no place to be replaced in; construct its twin from it");
  Block block;
  EXPECT_EQ(paths(ff::quantized_modules(block).missing), (Paths{"", "fc", "body.1"}));
}

// The twin that the user writes.
class QuantizedBlockImpl : public ff::nn::QuantizedModule,
                           public torch::nn::Cloneable<QuantizedBlockImpl> {
 public:
  explicit QuantizedBlockImpl(const BlockImpl& plain)
      : fc(register_module("fc", QuantizedLinear(*plain.fc))) {}
  void reset() override {}
  torch::Tensor forward(const torch::Tensor& x) {
    return fc(x);
  }
  QuantizedLinear fc;
};

TEST(Conversion, OwnConversions) {
  Conversions conversions;
  conversions.add<BlockImpl, QuantizedBlockImpl>();
  conversions.keep<torch::nn::ReLUImpl>("stays in float");
  conversions.add<torch::nn::AvgPool1dImpl>(
      [](const std::shared_ptr<torch::nn::AvgPool1dImpl>& pool) {
        return torch::nn::AnyModule(
            torch::nn::MaxPool1d(torch::nn::MaxPool1dOptions(pool->options.kernel_size())));
      });
  Sequential model(Block(), torch::nn::ReLU(), torch::nn::AvgPool1d(2));
  const torch::Tensor weight = model[0]->as<Block>()->fc->weight;
  const ConversionReport report = ff::quantized_modules(model, conversions);
  EXPECT_EQ(paths(report.converted), (Paths{"0", "2"}));
  EXPECT_EQ(report.converted[1].to, "torch::nn::MaxPool1dImpl");
  EXPECT_EQ(report.kept[0].reason, "stays in float");
  EXPECT_TRUE(model[0]->as<QuantizedBlockImpl>()->fc->weight.is_same(weight));

  Sequential other(Linear(2, 2));
  EXPECT_EQ(paths(ff::quantized_modules(other, Conversions::none()).missing), (Paths{"0"}));
  Conversions broken;
  broken.add<torch::nn::LinearImpl>(
      [](const std::shared_ptr<torch::nn::LinearImpl>&) { return torch::nn::AnyModule(); });
  EXPECT_ERROR(c10::ValueError,
               "quantized_modules: the conversion of torch::nn::LinearImpl '0' returned no module; "
               "return its twin, or use Conversions::keep.",
               ff::quantized_modules(other, broken));
}

// Adds to a layer; its twin would drop that.
struct SpecialLinearImpl : torch::nn::LinearImpl {
  SpecialLinearImpl() : LinearImpl(2, 2) {}
};

TEST(Conversion, DerivedTypesAreNotSliced) {
  Sequential model;
  model->push_back(std::make_shared<SpecialLinearImpl>());
  const ConversionReport report = ff::quantized_modules(model);
  EXPECT_TRUE(report.converted.empty());
  EXPECT_EQ(paths(report.missing), (Paths{"0"}));
}

TEST(Conversion, ASecondRunChangesNothing) {
  Sequential model(Linear(2, 2), torch::nn::MultiheadAttention(2, 1));
  ff::quantized_modules(model);
  ff::nn::replace_quantizer(*model[0], "weight_quantizer", ff::nn::DynamicLinearQuantizer(8));
  const auto first = model[0];
  const ConversionReport report = ff::quantized_modules(model);
  EXPECT_TRUE(report.converted.empty());
  EXPECT_TRUE(report.missing.empty()) << report;
  EXPECT_EQ(model[0], first);
}

TEST(Conversion, OptimizersStayValid) {
  Sequential model(Linear(3, 2));
  torch::optim::SGD optimizer(model->parameters(), 0.1);
  ff::quantized_modules(model);
  const torch::Tensor before = model[0]->as<Linear>()->weight.clone();
  const ff::StrictGuard relaxed(false);
  model->forward(random_data({2, 3}, 1)).sum().backward();
  optimizer.step();
  EXPECT_FALSE(torch::equal(model[0]->as<Linear>()->weight, before));
}

TEST(Conversion, EveryLayerOfLibTorchThatHasATwin) {
  Sequential model(torch::nn::Conv1d(1, 1, 1), torch::nn::Conv2d(1, 1, 1),
                   torch::nn::Conv3d(1, 1, 1), torch::nn::ConvTranspose1d(1, 1, 1),
                   torch::nn::ConvTranspose2d(1, 1, 1), torch::nn::ConvTranspose3d(1, 1, 1),
                   torch::nn::Embedding(2, 2), torch::nn::GroupNorm(1, 1),
                   torch::nn::BatchNorm1d(1), torch::nn::BatchNorm2d(1), torch::nn::ReLU6(),
                   torch::nn::SiLU(), torch::nn::Sigmoid(), torch::nn::Tanh(),
                   torch::nn::LeakyReLU(), torch::nn::MultiheadAttention(2, 1));
  const ConversionReport report = ff::quantized_modules(model);
  EXPECT_EQ(report.converted.size(), model->size()) << report;
  for (const auto& [path, from, to] : report.converted) {
    // LibTorch calls one of them by its holder's name.
    const std::string plain = from.substr(std::string("torch::nn::").size());
    EXPECT_EQ(to, "ff::nn::Quantized" + plain + (from.ends_with("Impl") ? "" : "Impl"));
  }
}

}  // namespace
