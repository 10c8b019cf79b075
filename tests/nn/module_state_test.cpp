#include "fastforward/nn/module_state.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "support/expect_error.h"
#include "support/tensors.h"

namespace {

using ff::nn::detail::ModuleState;
using ff::test::same;

TEST(ModuleState, FindsChildren) {
  const torch::nn::Linear linear(2, 2);
  torch::nn::Sequential model(linear);
  ASSERT_NE(ModuleState::find_child(*model, "0"), nullptr);
  EXPECT_EQ(*ModuleState::find_child(*model, "0"), linear.ptr());
  EXPECT_EQ(ModuleState::find_child(*model, "1"), nullptr);
}

TEST(ModuleState, ForgetsTheName) {
  torch::nn::MultiheadAttention attention(2, 1);
  EXPECT_EQ(attention->name(), "torch::nn::MultiheadAttention");
  ModuleState::forget_name(*attention);
  EXPECT_EQ(attention->name(), "torch::nn::MultiheadAttentionImpl");
}

TEST(ModuleState, FillsAlsoWhatHasNoTensor) {
  torch::nn::Linear from(torch::nn::LinearOptions(2, 3).bias(false));
  torch::nn::Linear to(torch::nn::LinearOptions(2, 3).bias(false));
  from->weight.set_requires_grad(false);
  ModuleState::fill(*to, *from, std::nullopt);
  EXPECT_TRUE(same(to->weight, from->weight));
  EXPECT_FALSE(to->weight.is_alias_of(from->weight));
  EXPECT_FALSE(to->weight.requires_grad());
  EXPECT_FALSE(to->bias.defined());
}

TEST(ModuleState, ClearForgetsWhatIsRegistered) {
  torch::nn::BatchNorm1d norm(2);
  norm->register_module("child", torch::nn::ReLU());
  ModuleState::clear(*norm);
  EXPECT_TRUE(norm->parameters().empty());
  EXPECT_TRUE(norm->buffers().empty());
  EXPECT_TRUE(norm->children().empty());
  EXPECT_ERROR(c10::Error, "clone: reset() registered 0 parameters, but the original has 2",
               ModuleState::fill(*norm, *torch::nn::BatchNorm1d(2), std::nullopt));
}

}  // namespace
