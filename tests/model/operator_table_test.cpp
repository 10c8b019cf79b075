#include "model/operator_table.h"

#include <ATen/core/dispatch/Dispatcher.h>
#include <gtest/gtest.h>
#include <torch/torch.h>
#include <torch/version.h>

#include <algorithm>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace {

using ff::model::OperatorKind;
using ff::model::OperatorRule;

// All schemas of LibTorch with a name, of any overload.
std::vector<const c10::FunctionSchema*> schemas_of(const std::string& name) {
  static const std::vector<c10::OperatorName> all = c10::Dispatcher::singleton().getAllOpNames();
  std::vector<const c10::FunctionSchema*> schemas;
  for (const c10::OperatorName& known : all) {
    if (known.name != name)
      continue;
    if (const auto op = c10::Dispatcher::singleton().findSchema(known))
      schemas.push_back(&op->schema());
  }
  return schemas;
}

std::vector<std::string> words(const std::string& text) {
  std::istringstream stream(text);
  return {std::istream_iterator<std::string>(stream), std::istream_iterator<std::string>()};
}

// Names that some supported LibTorch does not have.
const std::set<std::string> kMayBeMissing = {"rms_norm"};  // from 2.4 on

TEST(OperatorTable, EveryNameExists) {
  for (const OperatorRule& rule : ff::model::operator_table()) {
    if (schemas_of(std::string("aten::") + rule.name).empty()) {
      EXPECT_EQ(kMayBeMissing.count(rule.name), 1) << rule.name << " in " << TORCH_VERSION;
    }
  }
}

TEST(OperatorTable, EveryArgumentExists) {
  for (const OperatorRule& rule : ff::model::operator_table()) {
    const auto schemas = schemas_of(std::string("aten::") + rule.name);
    if (schemas.empty())
      continue;
    for (const char* list : {rule.operands, rule.weights, rule.bias}) {
      for (const std::string& argument : words(list)) {
        EXPECT_TRUE(std::any_of(schemas.begin(), schemas.end(),
                                [&](const c10::FunctionSchema* schema) {
                                  return schema->argumentIndexWithName(argument).has_value();
                                }))
            << rule.name << " has no argument " << argument;
      }
    }
    // Each overload has an operand or a weight.
    for (const c10::FunctionSchema* schema : schemas) {
      const bool is_of_tensors =
          std::any_of(schema->arguments().begin(), schema->arguments().end(),
                      [](const c10::Argument& argument) {
                        return argument.type()->str().find("Tensor") != std::string::npos;
                      });
      // where(condition) and repeat_interleave(repeats) give indices.
      if (!is_of_tensors || (schema->name() == "aten::where" && schema->arguments().size() == 1) ||
          schema->arguments()[0].name() == "repeats")
        continue;
      const std::vector<std::string> names = words(std::string(rule.operands) + " " + rule.weights);
      EXPECT_TRUE(std::any_of(names.begin(), names.end(), [&](const std::string& name) {
        return schema->argumentIndexWithName(name).has_value();
      })) << *schema;
    }
  }
}

TEST(OperatorTable, NamesAreThereOnce) {
  std::set<std::string> seen;
  for (const OperatorRule& rule : ff::model::operator_table())
    EXPECT_TRUE(seen.insert(rule.name).second) << rule.name;
}

TEST(OperatorTable, FindsInPlaceFormsToo) {
  EXPECT_STREQ(ff::model::find_rule("aten::relu")->site, "relu");
  EXPECT_STREQ(ff::model::find_rule("aten::relu_")->site, "relu");
  EXPECT_EQ(ff::model::find_rule("aten::dropout_")->kind, OperatorKind::kPass);
  EXPECT_EQ(ff::model::find_rule("aten::none_such"), nullptr);
  EXPECT_EQ(ff::model::find_rule("mine::relu"), nullptr);
  EXPECT_EQ(ff::model::find_rule("relu"), nullptr);
  EXPECT_EQ(ff::model::find_rule(""), nullptr);
}

// What is known of a call of an operator.
const ff::model::OperatorInfo& info_of(const char* name, const char* overload,
                                       const std::vector<c10::IValue>& arguments) {
  const auto op = c10::Dispatcher::singleton().findSchemaOrThrow(name, overload);
  return ff::model::operator_info(op, arguments);
}

TEST(OperatorTable, ConvolutionsByTheirWeight) {
  const auto site = [](at::IntArrayRef shape, bool transposed) {
    const torch::Tensor w = torch::ones(shape);
    const std::vector<int64_t> list;
    return info_of(
        "aten::convolution", "",
        {torch::ones({1}), w, c10::IValue(), list, list, list, transposed, list, int64_t{1}});
  };
  EXPECT_EQ(site({4, 3, 3}, false).site, "conv1d");
  EXPECT_EQ(site({4, 3, 3, 3}, false).site, "conv2d");
  EXPECT_EQ(site({4, 3, 3, 3}, false).channel_axis, 0);
  EXPECT_EQ(site({4, 3, 3, 3, 3}, true).site, "conv_transpose3d");
  EXPECT_EQ(site({4, 3, 3, 3, 3}, true).channel_axis, 1);
}

TEST(OperatorTable, ClampsByTheirLimits) {
  const torch::Tensor x = torch::ones({1});
  EXPECT_EQ(info_of("aten::hardtanh", "", {x, 0, 6}).site, "relu6");
  EXPECT_EQ(info_of("aten::hardtanh", "", {x, -1, 1}).site, "hardtanh");
  EXPECT_EQ(info_of("aten::clamp", "", {x, 0, c10::IValue()}).site, "relu");
  EXPECT_EQ(info_of("aten::clamp", "", {x, 0.0, 6.0}).site, "relu6");
  EXPECT_EQ(info_of("aten::clamp", "", {x, 0.0, 1.0}).site, "clamp");
  EXPECT_EQ(info_of("aten::clamp", "", {x, c10::IValue(), 0}).site, "clamp");
  EXPECT_EQ(info_of("aten::clamp_min", "", {x, 0}).site, "relu");
  EXPECT_EQ(info_of("aten::clamp_max", "", {x, 0}).site, "clamp");
}

TEST(OperatorTable, OnlyZerosArePaddedOnTheGrid) {
  const torch::Tensor x = torch::ones({1});
  const std::vector<int64_t> pad = {1, 1};
  EXPECT_EQ(info_of("aten::constant_pad_nd", "", {x, pad, 0}).kind, OperatorKind::kPass);
  EXPECT_EQ(info_of("aten::constant_pad_nd", "", {x, pad, 1.5}).kind, OperatorKind::kAverage);
  EXPECT_EQ(info_of("aten::pad", "", {x, pad, "constant", c10::IValue()}).kind,
            OperatorKind::kPass);
  EXPECT_EQ(info_of("aten::pad", "", {x, pad, "constant", 2.0}).kind, OperatorKind::kAverage);
  EXPECT_EQ(info_of("aten::pad", "", {x, pad, "reflect", c10::IValue()}).kind, OperatorKind::kPass);
}

TEST(OperatorTable, MaximaOfTwoTensorsAreArithmetic) {
  const torch::Tensor x = torch::ones({1});
  EXPECT_EQ(info_of("aten::max", "other", {x, x}).kind, OperatorKind::kArithmetic);
  EXPECT_EQ(info_of("aten::max", "dim", {x, 0, false}).kind, OperatorKind::kPass);
}

TEST(OperatorTable, DropoutHandsOnInEval) {
  const torch::Tensor x = torch::ones({1});
  const std::vector<c10::IValue> off = {x, 0.5, false}, on = {x, 0.5, true};
  EXPECT_TRUE(ff::model::hands_on(info_of("aten::dropout", "", off), off));
  EXPECT_FALSE(ff::model::hands_on(info_of("aten::dropout", "", on), on));
  EXPECT_EQ(info_of("aten::dropout", "", on).kind, OperatorKind::kActivation);
}

}  // namespace
