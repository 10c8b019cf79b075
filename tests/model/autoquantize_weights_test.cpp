#include <gtest/gtest.h>
#include <torch/torch.h>

#include "fastforward/model/autoquantize.h"
#include "fastforward/model/calibrate.h"
#include "model/explicit_quantization.h"
#include "support/tensors.h"

// Weights: what they are, and where they are quantized.
namespace {

using ff::FloatModel;
using ff::QuantizedModel;
using ff::test::linear_quantizer;
using ff::test::Names;
using ff::test::on_grid;
using ff::test::quantized;
using ff::test::quantizer_paths;
using ff::test::random_data;
using ff::test::same;
using ff::test::site_paths;
using ff::test::sorted;
using ff::test::TwoLayers;
namespace F = torch::nn::functional;

TEST(AutoquantizeWeights, WeightsHaveAScaleForEachChannel) {
  TwoLayers net;
  const QuantizedModel model = ff::autoquantize(net, random_data({16, 4}, 1));
  const auto& weight = linear_quantizer(model, "fc1.addmm.weight");
  // Symmetric from -127 to 127: the largest magnitude of a row is 127 steps.
  const torch::Tensor largest = std::get<0>(net->fc1->weight.abs().max(1));
  EXPECT_TRUE(torch::allclose(weight.scale, largest / 127, 1e-6));
  EXPECT_TRUE(weight.symmetric());
}

TEST(AutoquantizeWeights, AZeroChannelGivesZerosNotNaN) {
  torch::Tensor w = random_data({3, 1, 3, 3}, 1);
  w[1].zero_();
  const FloatModel net([=](const torch::Tensor& in) {
    return F::conv2d(in, w, F::Conv2dFuncOptions().padding(1).groups(3));
  });
  const torch::Tensor x = random_data({2, 3, 5, 5}, 2);
  for (const auto& config :
       {ff::presets::w8a8(), ff::presets::w4a8(), ff::presets::w8a8_per_token()}) {
    QuantizedModel model = ff::autoquantize(net, x, config);
    ff::calibrate(model, x);
    const torch::Tensor y = model(x);
    EXPECT_TRUE(torch::isfinite(y).all().item<bool>());
    EXPECT_TRUE(same(y.select(1, 1), torch::zeros({2, 5, 5})));
  }
}

TEST(AutoquantizeWeights, TiedWeightsHaveOneQuantizer) {
  torch::nn::Linear fc(4, 4);
  struct TiedImpl : torch::nn::Module {
    explicit TiedImpl(torch::nn::Linear inner) : fc(register_module("fc", std::move(inner))) {}
    torch::Tensor forward(const torch::Tensor& x) {
      return fc(torch::relu(fc(x)));
    }
    torch::nn::Linear fc;
  };
  const torch::Tensor x = random_data({5, 4}, 1);
  QuantizedModel model = quantized(std::make_shared<TiedImpl>(fc), x);
  EXPECT_EQ(site_paths(model), (Names{"fc.t", "fc.addmm", "fc.relu", "fc.t_1", "fc.addmm_1"}));
  EXPECT_EQ(sorted(quantizer_paths(model)),
            (Names{"fc.addmm.weight", "fc.relu.output", "inputs.0.output"}));
  const torch::Tensor w = on_grid(model, "fc.addmm.weight", fc->weight);
  const torch::Tensor h = torch::relu(F::linear(on_grid(model, "inputs.0.output", x), w, fc->bias));
  EXPECT_TRUE(same(model(x), F::linear(on_grid(model, "fc.relu.output", h), w, fc->bias)));
}

TEST(AutoquantizeWeights, WeightsSeenThroughViews) {
  // Weights [out, in] and [out * in] of the user's own layers.
  const torch::Tensor a = random_data({4, 3}, 1), b = random_data({20}, 2), c = random_data({5}, 3);
  torch::jit::Module net("net");
  net.register_parameter("a", a, /*is_buffer=*/false);
  net.register_parameter("b", b, /*is_buffer=*/false);
  net.register_parameter("c", c, /*is_buffer=*/false);
  net.define(R"(
    def forward(self, x):
        h = torch.relu(x.mm(self.a.t()))
        return torch.addmm(self.c, h, self.b.view(5, 4).transpose(0, 1))
  )");
  const torch::Tensor x = random_data({6, 3}, 4);
  QuantizedModel model = quantized(net, x);
  const auto& of_a = linear_quantizer(model, "matmul.weight");
  EXPECT_EQ(of_a.granularity(), ff::PerChannel(0)) << "the rows, before t()";
  EXPECT_EQ(of_a.scale.numel(), 4);
  const torch::Tensor h =
      torch::relu(on_grid(model, "inputs.0.output", x).mm(on_grid(model, "matmul.weight", a).t()));
  const torch::Tensor expected = torch::addmm(c, on_grid(model, "relu.output", h),
                                              on_grid(model, "addmm.weight", b).view({5, 4}).t());
  EXPECT_TRUE(same(model(x), expected));
}

TEST(AutoquantizeWeights, WeightsMadeOfWeightsAreQuantizedAsTheyAreUsed) {
  // A low-rank addition to a weight: the sum is what integers multiply with, its parts are not.
  const torch::Tensor w = random_data({4, 3}, 1), b = random_data({4, 2}, 2),
                      a = random_data({2, 3}, 3);
  torch::jit::Module net("net");
  for (const auto& [name, value] : {std::pair("w", w), std::pair("a", a), std::pair("b", b)})
    net.register_parameter(name, value, /*is_buffer=*/false);
  net.define(R"(
    def forward(self, x):
        return torch.linear(x, self.w + torch.mm(self.b, self.a))
  )");
  const torch::Tensor x = random_data({6, 3}, 4);
  QuantizedModel model = quantized(net, x);
  EXPECT_EQ(sorted(quantizer_paths(model)), (Names{"inputs.0.output", "linear.weight"}));
  EXPECT_TRUE(same(model(x), torch::linear(on_grid(model, "inputs.0.output", x),
                                           on_grid(model, "linear.weight", w + b.mm(a)))));
}

// A convolution with what another part of the model computes, as in a Siamese network.
TEST(AutoquantizeWeights, AWeightThatIsComputedFromAnInputIsAnOperand) {
  const FloatModel net([](const torch::Tensor& image, const torch::Tensor& kernel) {
    return torch::conv2d(image, torch::tanh(kernel));
  });
  const torch::Tensor image = random_data({1, 2, 6, 6}, 1), kernel = random_data({3, 2, 3, 3}, 2);
  QuantizedModel model = quantized(net, ff::Inputs{image, kernel});
  EXPECT_EQ(sorted(quantizer_paths(model)),
            (Names{"inputs.0.output", "inputs.1.output", "tanh.output"}));
  const torch::Tensor weight = torch::tanh(on_grid(model, "inputs.1.output", kernel));
  EXPECT_TRUE(same(model(image, kernel), torch::conv2d(on_grid(model, "inputs.0.output", image),
                                                       on_grid(model, "tanh.output", weight))));
}

TEST(AutoquantizeWeights, SparseGradientsOfAnEmbedding) {
  torch::nn::Embedding words(torch::nn::EmbeddingOptions(6, 4).sparse(true));
  const torch::Tensor ids = torch::tensor({0, 3, 3});
  QuantizedModel model = quantized(words, ids);
  model(ids).sum().backward();
  EXPECT_TRUE(same(words->weight.grad().sum(1), torch::tensor({4.F, 0.F, 0.F, 8.F, 0.F, 0.F})));
}

}  // namespace
