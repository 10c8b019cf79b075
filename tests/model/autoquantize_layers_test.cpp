#include <gtest/gtest.h>
#include <torch/torch.h>

#include <string>
#include <vector>

#include "fastforward/model/autoquantize.h"
#include "fastforward/nn/disable_quantization.h"
#include "model/explicit_quantization.h"
#include "support/tensors.h"

// One layer of each kind, against the same written with explicit operations.
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
using ff::test::sorted;
namespace nn = torch::nn;
namespace F = torch::nn::functional;

TEST(AutoquantizeLayers, Convolutions) {
  const torch::Tensor x1 = random_data({2, 4, 9}, 1), x2 = random_data({2, 4, 9, 7}, 2),
                      x3 = random_data({2, 4, 5, 5, 5}, 3);
  nn::Conv1d one(nn::Conv1dOptions(4, 6, 3).groups(2));
  QuantizedModel model = quantized(nn::Sequential(one), x1);
  const auto weight = [&](const char* site, const torch::Tensor& w) {
    return on_grid(model, std::string("0.") + site + ".weight", w);
  };
  EXPECT_EQ(linear_quantizer(model, "0.conv1d.weight").scale.numel(), 6);
  EXPECT_TRUE(same(model(x1),
                   F::conv1d(on_grid(model, "inputs.0.output", x1), weight("conv1d", one->weight),
                             F::Conv1dFuncOptions().bias(one->bias).groups(2))));
  nn::Conv2d two(nn::Conv2dOptions(4, 8, 3).groups(4).stride(2).padding(1).bias(false));
  model = quantized(nn::Sequential(two), x2);
  EXPECT_EQ(linear_quantizer(model, "0.conv2d.weight").scale.numel(), 8);
  EXPECT_TRUE(same(model(x2),
                   F::conv2d(on_grid(model, "inputs.0.output", x2), weight("conv2d", two->weight),
                             F::Conv2dFuncOptions().stride(2).padding(1).groups(4))));
  const torch::Tensor larger = random_data({1, 4, 12, 16}, 4);
  EXPECT_TRUE(same(model(larger), F::conv2d(on_grid(model, "inputs.0.output", larger),
                                            weight("conv2d", two->weight),
                                            F::Conv2dFuncOptions().stride(2).padding(1).groups(4))))
      << "another image size";
  nn::Conv3d three(nn::Conv3dOptions(4, 2, 2));
  model = quantized(nn::Sequential(three), x3);
  EXPECT_TRUE(same(model(x3), torch::conv3d(on_grid(model, "inputs.0.output", x3),
                                            weight("conv3d", three->weight), three->bias)));
}

TEST(AutoquantizeLayers, TransposedConvolutions) {
  // Weights are [in, out, ...]: the channels of the result are axis 1.
  const torch::Tensor x = random_data({2, 4, 5, 5}, 1), x1 = random_data({2, 4, 5}, 2);
  nn::ConvTranspose2d two(nn::ConvTranspose2dOptions(4, 6, 3).stride(2));
  QuantizedModel model = quantized(nn::Sequential(two), x);
  EXPECT_EQ(linear_quantizer(model, "0.conv_transpose2d.weight").granularity(), ff::PerChannel(1));
  EXPECT_EQ(linear_quantizer(model, "0.conv_transpose2d.weight").scale.numel(), 6);
  EXPECT_TRUE(same(model(x),
                   torch::conv_transpose2d(on_grid(model, "inputs.0.output", x),
                                           on_grid(model, "0.conv_transpose2d.weight", two->weight),
                                           two->bias, torch::IntArrayRef{2, 2})));
  nn::ConvTranspose1d one(nn::ConvTranspose1dOptions(4, 6, 3));
  model = quantized(nn::Sequential(one), x1);
  EXPECT_TRUE(same(model(x1),
                   torch::conv_transpose1d(on_grid(model, "inputs.0.output", x1),
                                           on_grid(model, "0.conv_transpose1d.weight", one->weight),
                                           one->bias)));
}

TEST(AutoquantizeLayers, BatchNormAfterReluIsNotFolded) {
  nn::Conv2d conv(nn::Conv2dOptions(3, 4, 3)), last(nn::Conv2dOptions(4, 2, 1));
  nn::BatchNorm2d norm(4);
  norm->running_mean.copy_(random_data({4}, 1));
  norm->running_var.copy_(random_data({4}, 2).abs() + 0.5);
  nn::Sequential net(conv, nn::ReLU(), norm, last);
  net->eval();
  const torch::Tensor x = random_data({2, 3, 6, 6}, 3);
  QuantizedModel model = quantized(net, x);
  EXPECT_EQ(sorted(quantizer_paths(model)), (Names{"0.conv2d.weight", "2.batch_norm.output",
                                                   "3.conv2d.weight", "inputs.0.output"}));
  const torch::Tensor h =
      norm(torch::relu(torch::conv2d(on_grid(model, "inputs.0.output", x),
                                     on_grid(model, "0.conv2d.weight", conv->weight), conv->bias)));
  EXPECT_TRUE(
      same(model(x), torch::conv2d(on_grid(model, "2.batch_norm.output", h),
                                   on_grid(model, "3.conv2d.weight", last->weight), last->bias)));
}

TEST(AutoquantizeLayers, BatchNormIsFoldedIntoTheQuantizedWeight) {
  nn::Conv2d conv(nn::Conv2dOptions(3, 4, 3)), last(nn::Conv2dOptions(4, 2, 1));
  nn::BatchNorm2d norm(4);
  norm->running_mean.copy_(random_data({4}, 1));
  norm->running_var.copy_(random_data({4}, 2).abs() + 0.5);
  {
    const torch::NoGradGuard no_grad;
    norm->weight.copy_(random_data({4}, 4));
    norm->bias.copy_(random_data({4}, 5));
  }
  nn::Sequential net(conv, norm, nn::ReLU6(), last);
  net->eval();
  const torch::Tensor x = random_data({2, 3, 6, 6}, 3);
  QuantizedModel model = quantized(net, x);
  EXPECT_EQ(sorted(quantizer_paths(model)),
            (Names{"0.conv2d.weight", "1.relu6.output", "3.conv2d.weight", "inputs.0.output"}));
  const torch::Tensor factor = norm->weight / torch::sqrt(norm->running_var + 1e-5);
  const torch::Tensor weight = conv->weight * factor.reshape({4, 1, 1, 1});
  const torch::Tensor bias = (conv->bias - norm->running_mean) * factor + norm->bias;
  const torch::Tensor h = torch::relu6(torch::conv2d(
      on_grid(model, "inputs.0.output", x), on_grid(model, "0.conv2d.weight", weight), bias));
  const torch::Tensor expected =
      torch::conv2d(on_grid(model, "1.relu6.output", h),
                    on_grid(model, "3.conv2d.weight", last->weight), last->bias);
  // The factor's last bits differ by the way it is computed, and with them a few codes.
  const torch::Tensor error = (model(x) - expected).abs();
  EXPECT_LT(error.mean().item<float>(), 1e-4);
  {
    const ff::DisableQuantization off{ff::nn::ModuleRef(model)};
    EXPECT_TRUE(same(model(x), net->forward(x))) << "off, nothing is folded";
  }
}

TEST(AutoquantizeLayers, Prelu) {
  nn::Linear first(3, 4), last(4, 2);
  nn::PReLU prelu(nn::PReLUOptions().num_parameters(4));
  const torch::Tensor x = random_data({6, 3}, 1);
  QuantizedModel model = quantized(nn::Sequential(first, prelu, last), x);
  EXPECT_EQ(sorted(quantizer_paths(model)),
            (Names{"0.addmm.weight", "1.prelu.output", "2.addmm.weight", "inputs.0.output"}));
  const torch::Tensor h =
      torch::prelu(F::linear(on_grid(model, "inputs.0.output", x),
                             on_grid(model, "0.addmm.weight", first->weight), first->bias),
                   prelu->weight);
  EXPECT_TRUE(
      same(model(x), F::linear(on_grid(model, "1.prelu.output", h),
                               on_grid(model, "2.addmm.weight", last->weight), last->bias)));
}

TEST(AutoquantizeLayers, PoolsAndMeans) {
  nn::Conv2d first(nn::Conv2dOptions(3, 4, 3)), second(nn::Conv2dOptions(4, 4, 1));
  const torch::Tensor v = random_data({2, 4}, 1), x = random_data({2, 3, 8, 8}, 2);
  const FloatModel net([=](const torch::Tensor& in) mutable {
    const torch::Tensor h = torch::max_pool2d(torch::relu(first(in)), 2);
    return torch::linear(torch::adaptive_avg_pool2d(second(h), {1, 1}).flatten(1), v);
  });
  QuantizedModel model = quantized(net, x);
  EXPECT_EQ(sorted(quantizer_paths(model)),
            (Names{"adaptive_avg_pool2d.output", "conv2d.weight", "conv2d_1.output",
                   "conv2d_1.weight", "inputs.0.output", "linear.weight", "relu.output"}));
  const torch::Tensor h =
      torch::relu(torch::conv2d(on_grid(model, "inputs.0.output", x),
                                on_grid(model, "conv2d.weight", first->weight), first->bias));
  const torch::Tensor g =
      torch::conv2d(torch::max_pool2d(on_grid(model, "relu.output", h), 2),
                    on_grid(model, "conv2d_1.weight", second->weight), second->bias);
  const torch::Tensor mean =
      torch::adaptive_avg_pool2d(on_grid(model, "conv2d_1.output", g), {1, 1}).flatten(1);
  EXPECT_TRUE(same(model(x), torch::linear(on_grid(model, "adaptive_avg_pool2d.output", mean),
                                           on_grid(model, "linear.weight", v))));
}

TEST(AutoquantizeLayers, ResidualSums) {
  const torch::Tensor w1 = random_data({4, 4}, 1), w2 = random_data({4, 4}, 2),
                      w3 = random_data({2, 4}, 3), x = random_data({6, 4}, 4);
  const FloatModel net([=](const torch::Tensor& in) {
    torch::Tensor h = torch::relu(torch::linear(in, w1));
    h = torch::relu(torch::linear(h, w2) + h);
    return torch::linear(h, w3);
  });
  QuantizedModel model = quantized(net, x);
  EXPECT_EQ(sorted(quantizer_paths(model)),
            (Names{"inputs.0.output", "linear.weight", "linear_1.output", "linear_1.weight",
                   "linear_2.weight", "relu.output", "relu_1.output"}));
  const torch::Tensor h = on_grid(model, "relu.output",
                                  torch::relu(torch::linear(on_grid(model, "inputs.0.output", x),
                                                            on_grid(model, "linear.weight", w1))));
  const torch::Tensor sum =
      on_grid(model, "linear_1.output", torch::linear(h, on_grid(model, "linear_1.weight", w2))) +
      h;
  EXPECT_TRUE(same(model(x), torch::linear(on_grid(model, "relu_1.output", torch::relu(sum)),
                                           on_grid(model, "linear_2.weight", w3))));
}

TEST(AutoquantizeLayers, ChannelsLastStays) {
  nn::Sequential net(nn::Conv2d(nn::Conv2dOptions(3, 8, 3)), nn::ReLU(),
                     nn::Conv2d(nn::Conv2dOptions(8, 8, 3).groups(8)), nn::ReLU6(),
                     nn::Conv2d(nn::Conv2dOptions(8, 4, 1)));
  const torch::Tensor x =
      random_data({2, 3, 9, 9}, 1).contiguous(torch::MemoryFormat::ChannelsLast);
  QuantizedModel model = quantized(net, x);
  std::vector<bool> kept;
  std::vector<ff::nn::OverrideHandle> handles;
  for (const auto& [path, quantizer] : ff::nn::named_quantizers(model)) {
    if (path.find("weight") == std::string::npos)
      handles.push_back(quantizer->register_override(
          [&](ff::nn::QuantizerImpl&, const ff::nn::NextFunction& next, const torch::Tensor& data) {
            const torch::Tensor values = next(data);
            kept.push_back(data.is_contiguous(torch::MemoryFormat::ChannelsLast) &&
                           values.is_contiguous(torch::MemoryFormat::ChannelsLast));
            return values;
          }));
  }
  const torch::NoGradGuard no_grad;
  EXPECT_TRUE(model(x).is_contiguous(torch::MemoryFormat::ChannelsLast));
  EXPECT_EQ(kept, (std::vector<bool>{true, true, true}));
}

// torch::nn pads by other operators than Python does.
TEST(AutoquantizeLayers, PaddingModulesKeepTheGrid) {
  const auto convolution = [](auto padding_mode) {
    return torch::nn::Conv2d(
        torch::nn::Conv2dOptions(2, 3, 3).padding(1).padding_mode(padding_mode));
  };
  const torch::Tensor x = random_data({1, 2, 6, 6}, 3);
  const auto check = [&](auto padding, const torch::nn::Conv2d& last) {
    torch::nn::Sequential net(torch::nn::Conv2d(torch::nn::Conv2dOptions(2, 2, 1)),
                              torch::nn::ReLU(), padding, last);
    EXPECT_EQ(sorted(quantizer_paths(ff::autoquantize(net, x))),
              (Names{"0.conv2d.weight", "0.relu.output", "3.conv2d.weight", "inputs.0.output"}));
  };
  check(torch::nn::ZeroPad2d(1), convolution(torch::kZeros));
  check(torch::nn::ConstantPad2d(torch::nn::ConstantPad2dOptions(1, 0)),
        convolution(torch::kReflect));
  check(torch::nn::ReflectionPad2d(1), convolution(torch::kReplicate));
  check(torch::nn::ReplicationPad2d(1), convolution(torch::kCircular));
}

}  // namespace
