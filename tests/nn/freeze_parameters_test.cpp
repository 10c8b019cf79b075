#include "fastforward/nn/freeze_parameters.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <utility>

#include "fastforward/nn/dynamic_linear_quantizer.h"
#include "fastforward/nn/quantized_linear.h"
#include "fastforward/nn/quantizer_stub.h"
#include "fastforward/nn/replace_quantizer.h"
#include "support/expect_error.h"
#include "support/tensors.h"

namespace {

using ff::nn::DynamicLinearQuantizer;
using ff::nn::QuantizedLinear;
using ff::nn::QuantizerStub;
using ff::nn::replace_quantizer;
using ff::test::random_data;
using ff::test::same;

torch::nn::Sequential make_model() {
  torch::nn::Sequential model(QuantizedLinear(5, 4), QuantizedLinear(4, 3));
  for (const auto& layer : model->children()) {
    for (const char* name : {"weight_quantizer", "bias_quantizer", "output_quantizer"})
      replace_quantizer(*layer, name, DynamicLinearQuantizer(4));
  }
  replace_quantizer(*model[0], "input_quantizer", DynamicLinearQuantizer(4));
  return model;
}

QuantizedLinear layer(torch::nn::Sequential& model, size_t index) {
  return std::dynamic_pointer_cast<ff::nn::QuantizedLinearImpl>(model[index]);
}

bool is_stub(const ff::nn::Quantizer& quantizer) {
  return quantizer->as<QuantizerStub>() != nullptr;
}

TEST(FreezeParameters, FreezesWhatMeetsAQuantizer) {
  torch::nn::Sequential model = make_model();
  const torch::Tensor x = random_data({2, 5}, 1);
  const torch::Tensor expected = model->forward(x).dequantize();
  const torch::Tensor weight = layer(model, 0)->weight.detach().clone();
  ff::nn::FusedParameters fused;
  {
    ff::FreezeParameters freeze(model);
    EXPECT_FALSE(ff::strict_quantization());
    EXPECT_FALSE(ff::is_quantized(model->forward(x))) << "activations pass";
    model->forward(x);
    EXPECT_EQ(freeze.fused().entries().size(), 4U) << "the second forward freezes nothing";
    fused = std::move(freeze.fused());
  }
  EXPECT_TRUE(ff::strict_quantization());
  EXPECT_TRUE(same(layer(model, 0)->weight, DynamicLinearQuantizer(4)(weight).dequantize()));
  EXPECT_TRUE(is_stub(layer(model, 1)->bias_quantizer()));
  EXPECT_TRUE(layer(model, 1)->bias_quantizer()->metadata().has_tag("parameter/bias"));
  EXPECT_FALSE(is_stub(layer(model, 1)->output_quantizer()));
  EXPECT_TRUE(layer(model, 1)->output_quantizer()->overrides().entries()->empty());
  {
    const ff::StrictGuard relaxed(false);
    EXPECT_TRUE(same(model->forward(x).dequantize(), expected));
  }
  fused.restore();
  EXPECT_TRUE(same(layer(model, 0)->weight, weight));
  EXPECT_TRUE(same(model->forward(x).dequantize(), expected));
}

TEST(FreezeParameters, APartOfAModel) {
  torch::nn::Sequential model = make_model();
  {
    const ff::FreezeParameters freeze(std::vector<ff::nn::ModuleRef>{*model[1]});
    model->forward(random_data({2, 5}, 1));
  }
  EXPECT_FALSE(is_stub(layer(model, 0)->weight_quantizer()));
  EXPECT_TRUE(is_stub(layer(model, 1)->weight_quantizer()));
}

TEST(FreezeParameters, KeepsQuantizersWhenAskedTo) {
  torch::nn::Sequential model = make_model();
  const torch::Tensor weight = layer(model, 0)->weight.detach().clone();
  {
    const ff::FreezeParameters freeze(model, /*stub_quantizers=*/false);
    model->forward(random_data({2, 5}, 1));
  }
  EXPECT_FALSE(is_stub(layer(model, 0)->weight_quantizer()));
  EXPECT_TRUE(same(layer(model, 0)->weight, DynamicLinearQuantizer(4)(weight).dequantize()));
}

// Quantizes what it computes from its parameter.
struct DerivedImpl : torch::nn::Cloneable<DerivedImpl>, ff::nn::QuantizedModule {
  DerivedImpl() {
    reset();
  }
  void reset() override {
    factor = register_parameter("factor", torch::ones({3}));
    register_quantizer("factor_quantizer", DynamicLinearQuantizer(2));
  }
  torch::Tensor forward(const torch::Tensor& x) {
    return x * quantizer("factor_quantizer")(factor * 0.3);
  }
  torch::Tensor factor;
};

TEST(FreezeParameters, TensorsComputedFromParametersAreNone) {
  DerivedImpl derived;
  const ff::FreezeParameters freeze(derived);
  derived.forward(torch::ones({3}));
  EXPECT_TRUE(same(derived.factor.detach(), torch::ones({3})));
  EXPECT_FALSE(is_stub(derived.quantizer("factor_quantizer")));
}

struct PlainImpl : torch::nn::Module {
  PlainImpl() {
    weight = register_parameter("weight", random_data({3}, 1));
    quantizer = register_module("quantizer", DynamicLinearQuantizer(2));
  }
  torch::Tensor weight;
  DynamicLinearQuantizer quantizer = nullptr;
};

TEST(FreezeParameters, QuantizersThatCannotBeReplaced) {
  PlainImpl plain;
  const ff::FreezeParameters freeze(plain);
  const torch::Tensor before = plain.weight.detach().clone();
  EXPECT_ERROR(c10::TypeError, "may have a member that still holds the quantizer 'quantizer'",
               plain.quantizer(plain.weight));
  EXPECT_TRUE(same(plain.weight, before));
}

}  // namespace
