#include "fastforward/nn/fuse_weights.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <optional>

#include "fastforward/nn/disable_quantization.h"
#include "fastforward/nn/dynamic_linear_quantizer.h"
#include "fastforward/nn/quantized_attention.h"
#include "fastforward/nn/quantized_linear.h"
#include "fastforward/nn/quantizer_stub.h"
#include "nn/layer_checks.h"
#include "support/expect_error.h"

namespace {

using ff::nn::DynamicLinearQuantizer;
using ff::nn::QuantizedLinear;
using ff::nn::QuantizerStub;
using ff::nn::replace_quantizer;
using ff::test::random_data;
using ff::test::same;

bool is_stub(const ff::nn::Quantizer& quantizer) {
  return quantizer->as<QuantizerStub>() != nullptr;
}

TEST(FuseWeights, WritesTheQuantizedValues) {
  torch::nn::Sequential model{QuantizedLinear(5, 3)};
  auto& fc = *model[0]->as<QuantizedLinear>();
  const torch::Tensor x = random_data({4, 5}, 1);
  ff::test::calibrated(std::dynamic_pointer_cast<ff::nn::QuantizedLinearImpl>(model[0]), x);
  const torch::Tensor before = fc.weight.detach().clone(), bias = fc.bias.detach().clone();
  const torch::Tensor values = fc.weight_quantizer()->forward(fc.weight).dequantize();
  const torch::Tensor output = fc.forward(x).dequantize();
  const ff::nn::Quantizer quantizer = fc.weight_quantizer();

  ff::nn::FusedParameters fused = ff::fuse_weights(model);
  ASSERT_EQ(fused.entries().size(), 1U);
  EXPECT_EQ(fused.entries()[0].path, "0.weight_quantizer");
  EXPECT_TRUE(fused.entries()[0].parameter.is_same(fc.weight));
  EXPECT_TRUE(same(fc.weight, values));
  EXPECT_TRUE(fc.weight.requires_grad());
  EXPECT_TRUE(same(fc.bias, bias)) << "by default weights only";
  EXPECT_TRUE(is_stub(fc.weight_quantizer()));
  EXPECT_TRUE(fc.weight_quantizer()->metadata().has_tag("parameter/weight"));
  {
    const ff::StrictGuard relaxed(false);
    EXPECT_TRUE(same(fc.forward(x).dequantize(), output));
  }
  fused.restore();
  EXPECT_TRUE(same(fc.weight, before));
  EXPECT_EQ(fc.weight_quantizer().ptr(), quantizer.ptr());
  EXPECT_TRUE(same(fc.forward(x).dequantize(), output));
  fused.restore();
  EXPECT_TRUE(same(fc.weight, before));
}

TEST(FuseWeights, KeepsQuantizersWhenAskedTo) {
  QuantizedLinear fc(5, 3);
  const torch::Tensor x = random_data({4, 5}, 1);
  ff::test::calibrated(fc.ptr(), x);
  const torch::Tensor output = fc->forward(x).dequantize();
  ff::fuse_weights(fc, {.tag = "parameter", .stub_quantizers = false});
  EXPECT_FALSE(is_stub(fc->weight_quantizer()));
  EXPECT_TRUE(same(fc->forward(x).dequantize(), output));
  EXPECT_TRUE(same(fc->bias_quantizer()->forward(fc->bias).dequantize(), fc->bias));
}

TEST(FuseWeights, OtherNamesAndTags) {
  ff::nn::QuantizedMultiheadAttention attention(8, 2);
  replace_quantizer(*attention, "in_proj_weight_quantizer", DynamicLinearQuantizer(4));
  replace_quantizer(*attention->out_proj, "weight_quantizer", DynamicLinearQuantizer(4));
  replace_quantizer(*attention->out_proj, "bias_quantizer", DynamicLinearQuantizer(4));
  replace_quantizer(*attention, "query_quantizer", DynamicLinearQuantizer(4));
  ff::nn::FusedParameters fused = ff::fuse_weights(*attention);
  ASSERT_EQ(fused.entries().size(), 2U);
  EXPECT_EQ(fused.entries()[0].path, "in_proj_weight_quantizer");
  EXPECT_EQ(fused.entries()[1].path, "out_proj.weight_quantizer");
  EXPECT_EQ(ff::fuse_weights(*attention, {.tag = "parameter/bias"}).entries()[0].path,
            "out_proj.bias_quantizer");
}

TEST(FuseWeights, DisabledQuantizersChangeNothing) {
  QuantizedLinear fc(5, 3);
  ff::test::calibrated(fc.ptr(), random_data({4, 5}, 1));
  const torch::Tensor before = fc->weight.detach().clone();
  const ff::DisableQuantization off(fc);
  EXPECT_TRUE(ff::fuse_weights(fc).entries().empty());
  EXPECT_TRUE(same(fc->weight, before));
  EXPECT_FALSE(is_stub(fc->weight_quantizer()));
}

// Two layers with one weight.
struct TiedImpl : torch::nn::Module {
  TiedImpl() {
    torch::nn::Linear plain(3, 3);
    a = register_module("a", QuantizedLinear(*plain));
    b = register_module("b", QuantizedLinear(*plain));
  }
  QuantizedLinear a = nullptr, b = nullptr;
};

TEST(FuseWeights, TiedWeightsAreWrittenOnce) {
  TiedImpl model;
  replace_quantizer(*model.a, "weight_quantizer", DynamicLinearQuantizer(3));
  replace_quantizer(*model.b, "weight_quantizer", DynamicLinearQuantizer(3));
  const torch::Tensor before = model.a->weight.detach().clone();
  ff::nn::FusedParameters fused = ff::fuse_weights(model);
  ASSERT_EQ(fused.entries().size(), 1U);
  EXPECT_TRUE(is_stub(model.a->weight_quantizer()));
  EXPECT_TRUE(is_stub(model.b->weight_quantizer()));
  EXPECT_TRUE(same(model.b->weight, DynamicLinearQuantizer(3)(before).dequantize()));
  fused.restore();
  EXPECT_TRUE(same(model.b->weight, before));
  EXPECT_FALSE(is_stub(model.a->weight_quantizer()));
  EXPECT_FALSE(is_stub(model.b->weight_quantizer()));
}

TEST(FuseWeights, TiedWeightsOnDifferentGrids) {
  TiedImpl model;
  replace_quantizer(*model.a, "weight_quantizer", DynamicLinearQuantizer(3));
  replace_quantizer(*model.b, "weight_quantizer", DynamicLinearQuantizer(4));
  const torch::Tensor before = model.a->weight.detach().clone();
  EXPECT_ERROR(
      c10::ValueError,
      "fuse_weights: the quantizers 'a.weight_quantizer' and 'b.weight_quantizer' give one "
      "weight, which stands in both modules, different values",
      ff::fuse_weights(model));
  EXPECT_TRUE(same(model.a->weight, before)) << "nothing has changed";
  EXPECT_FALSE(is_stub(model.a->weight_quantizer()));
}

TEST(FuseWeights, UninitializedQuantizersAreErrors) {
  torch::nn::Sequential model(QuantizedLinear(3, 3), QuantizedLinear(3, 3));
  replace_quantizer(*model[0], "weight_quantizer", DynamicLinearQuantizer(3));
  replace_quantizer(*model[1], "weight_quantizer", ff::nn::LinearQuantizer(3));
  const torch::Tensor before = model[0]->as<QuantizedLinear>()->weight.detach().clone();
  EXPECT_ERROR(c10::ValueError,
               "LinearQuantizer '1.weight_quantizer': Tried to quantize a tensor "
               "using an uninitialized quantizer",
               ff::fuse_weights(model));
  EXPECT_TRUE(same(model[0]->as<QuantizedLinear>()->weight, before)) << "nothing has changed";
}

}  // namespace
