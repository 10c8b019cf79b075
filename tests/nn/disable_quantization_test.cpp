#include "fastforward/nn/disable_quantization.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include <stdexcept>

#include "fastforward/dispatch/strict.h"
#include "fastforward/nn/linear_quantizer.h"
#include "fastforward/tensor/quantized_tensor.h"
#include "support/tensors.h"

namespace {

using ff::nn::LinearQuantizer;
using ff::test::floats;
using ff::test::same;

struct Model : torch::nn::Module {
  Model() {
    register_module("a", a);
    register_module("b", b);
    a->set_quantization_range(-8.0, 7.0);
    b->set_quantization_range(-8.0, 7.0);
  }
  LinearQuantizer a = LinearQuantizer(4), b = LinearQuantizer(4);
};

bool quantizes(LinearQuantizer& quantizer) {
  return ff::is_quantized(quantizer->forward(floats({1})));
}

TEST(DisableQuantization, PassesDataOnInItsScope) {
  Model model;
  {
    const auto off = ff::disable_quantization(model);
    EXPECT_FALSE(quantizes(model.a));
    EXPECT_FALSE(quantizes(model.b));
    EXPECT_TRUE(same(model.a->forward(floats({0.3})), floats({0.3})));
  }
  EXPECT_TRUE(quantizes(model.a));
  EXPECT_TRUE(quantizes(model.b));
}

TEST(DisableQuantization, StrictModeIsOffAsWell) {
  Model model;
  const torch::Tensor q = model.a->forward(floats({1}));
  {
    const auto off = ff::disable_quantization(model);
    EXPECT_FALSE(ff::strict_quantization());
    EXPECT_TRUE(same(torch::relu(q), floats({1})));
  }
  EXPECT_TRUE(ff::strict_quantization());
}

TEST(DisableQuantization, UninitializedQuantizersPassDataOn) {
  LinearQuantizer quantizer(8);
  const ff::DisableQuantization off(quantizer);
  EXPECT_FALSE(quantizes(quantizer));
}

TEST(DisableQuantization, Nests) {
  Model model;
  {
    const auto outer = ff::disable_quantization(model);
    {
      const auto inner = ff::disable_quantization(model.a);
      EXPECT_FALSE(quantizes(model.a));
    }
    EXPECT_FALSE(quantizes(model.a));
    EXPECT_FALSE(ff::strict_quantization());
  }
  EXPECT_TRUE(quantizes(model.a));
}

TEST(DisableQuantization, EndsWhenAnExceptionPasses) {
  Model model;
  try {
    const auto off = ff::disable_quantization(model);
    throw std::runtime_error("out");
  } catch (const std::runtime_error&) {
  }
  EXPECT_TRUE(quantizes(model.a));
  EXPECT_TRUE(ff::strict_quantization());
}

TEST(EnableQuantization, TurnsPartOfAModelOnAgain) {
  Model model;
  const auto off = ff::disable_quantization(model);
  {
    const auto on = ff::enable_quantization(model.a);
    EXPECT_TRUE(quantizes(model.a));
    EXPECT_FALSE(quantizes(model.b));
    {
      const auto off_again = ff::disable_quantization(model.a);
      EXPECT_FALSE(quantizes(model.a));
      const auto on_again = ff::enable_quantization(model);
      EXPECT_TRUE(quantizes(model.a));
      EXPECT_TRUE(quantizes(model.b));
    }
    EXPECT_TRUE(quantizes(model.a));
    EXPECT_FALSE(quantizes(model.b));
  }
  EXPECT_FALSE(quantizes(model.a));
}

TEST(EnableQuantization, TurnsAllOfNestedScopesOn) {
  Model model;
  const auto outer = ff::disable_quantization(model);
  const auto inner = ff::disable_quantization(model);
  {
    const auto on = ff::enable_quantization(model);
    EXPECT_TRUE(quantizes(model.a));
  }
  EXPECT_FALSE(quantizes(model.a));
}

TEST(EnableQuantization, DoesNothingToQuantizersThatAreOn) {
  Model model;
  const auto on = ff::enable_quantization(model);
  EXPECT_TRUE(quantizes(model.a));
  EXPECT_TRUE(ff::strict_quantization());
}

}  // namespace
