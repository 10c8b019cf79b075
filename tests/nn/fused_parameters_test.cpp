#include "fastforward/nn/fused_parameters.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <memory>
#include <utility>

#include "fastforward/nn/dynamic_linear_quantizer.h"
#include "fastforward/nn/quantized_linear.h"
#include "fastforward/nn/quantizer_stub.h"
#include "fastforward/nn/replace_quantizer.h"
#include "support/tensors.h"

namespace {

using ff::nn::DynamicLinearQuantizer;
using ff::nn::FusedParameters;
using ff::nn::QuantizedLinear;
using ff::test::same;

TEST(FusedParameters, RestoresTheLastFirst) {
  QuantizedLinear fc(2, 2);
  const torch::Tensor before = fc->weight.detach().clone();
  FusedParameters fused;
  fused.add(ff::nn::detail::fuse("a", fc->weight, torch::ones({2, 2}), {}));
  fused.add(ff::nn::detail::fuse("b", fc->weight, torch::zeros({2, 2}), {}));
  EXPECT_TRUE(same(fused.entries()[1].before, torch::ones({2, 2})));
  fused.restore();
  EXPECT_TRUE(same(fc->weight, before));
  EXPECT_TRUE(fused.entries().empty());
}

TEST(FusedParameters, PutsQuantizersBackInAllPlaces) {
  QuantizedLinear a(2, 2), b(2, 2);
  const DynamicLinearQuantizer quantizer(4);
  ff::nn::replace_quantizer(*a, "weight_quantizer", quantizer);
  ff::nn::replace_quantizer(*b, "weight_quantizer", quantizer);
  FusedParameters fused;
  fused.add(ff::nn::detail::fuse(
      "a", a->weight, torch::ones({2, 2}),
      {{a.ptr(), "weight_quantizer", quantizer}, {b.ptr(), "weight_quantizer", quantizer}}));
  EXPECT_NE(b->weight_quantizer()->as<ff::nn::QuantizerStub>(), nullptr);
  FusedParameters moved = std::move(fused);
  fused = FusedParameters();
  fused.restore();
  EXPECT_NE(a->weight_quantizer()->as<ff::nn::QuantizerStub>(), nullptr);
  moved.restore();
  EXPECT_EQ(a->weight_quantizer().ptr(), quantizer.ptr());
  EXPECT_EQ(b->weight_quantizer().ptr(), quantizer.ptr());
}

TEST(FusedParameters, LettingThemGoIsFinal) {
  QuantizedLinear fc(2, 2);
  {
    FusedParameters fused;
    fused.add(ff::nn::detail::fuse("a", fc->weight, torch::ones({2, 2}), {}));
  }
  EXPECT_TRUE(same(fc->weight.detach(), torch::ones({2, 2})));
}

}  // namespace
