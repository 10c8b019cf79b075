#include <gtest/gtest.h>
#include <torch/torch.h>

#include <algorithm>
#include <string>
#include <tuple>
#include <vector>

#include "fastforward/model/autoquantize.h"
#include "fastforward/model/calibrate.h"
#include "fastforward/nn/disable_quantization.h"
#include "model/explicit_quantization.h"
#include "support/expect_error.h"
#include "support/tensors.h"

// One layer of each kind, against the same written with explicit operations.
namespace {

using ff::FloatModel;
using ff::Inputs;
using ff::QuantizedModel;
using ff::test::linear_quantizer;
using ff::test::on_grid;
using ff::test::quantizer_paths;
using ff::test::random_data;
using ff::test::same;
using Names = std::vector<std::string>;
namespace nn = torch::nn;
namespace F = torch::nn::functional;

QuantizedModel quantized(const FloatModel& model, const ff::Examples& examples) {
  QuantizedModel result = ff::autoquantize(model, examples);
  ff::calibrate(result, examples);
  return result;
}

Names sorted(Names names) {
  std::sort(names.begin(), names.end());
  return names;
}

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

TEST(AutoquantizeLayers, EmbeddingAndIntegers) {
  nn::Embedding words(10, 4);
  nn::Linear last(4, 2);
  const torch::Tensor ids = torch::tensor({{1, 2, 3}, {9, 0, 1}}, torch::kLong);
  QuantizedModel model = quantized(nn::Sequential(words, last), ids);
  EXPECT_EQ(sorted(quantizer_paths(model)),
            (Names{"0.embedding.output", "0.embedding.weight", "1.matmul.weight"}));
  const torch::Tensor rows =
      torch::embedding(on_grid(model, "0.embedding.weight", words->weight), ids);
  EXPECT_TRUE(
      same(model(ids), F::linear(on_grid(model, "0.embedding.output", rows),
                                 on_grid(model, "1.matmul.weight", last->weight), last->bias)));
}

struct LstmNetImpl : nn::Module {
  LstmNetImpl()
      : lstm(register_module("lstm", nn::LSTM(nn::LSTMOptions(3, 4).num_layers(2)))),
        last(register_module("last", nn::Linear(4, 2))) {}
  std::tuple<torch::Tensor, torch::Tensor> forward(const torch::Tensor& x) {
    const auto [output, state] = lstm(x);
    return {last(output), std::get<1>(state)};
  }
  nn::LSTM lstm;
  nn::Linear last;
};

TEST(AutoquantizeLayers, Lstm) {
  const auto net = std::make_shared<LstmNetImpl>();
  const torch::Tensor x = random_data({5, 2, 3}, 1);
  QuantizedModel model = quantized(net, x);
  EXPECT_EQ(sorted(quantizer_paths(model)),
            (Names{"inputs.0.output", "last.matmul.weight", "lstm.lstm.output", "lstm.lstm.weight",
                   "lstm.lstm.weight_1", "lstm.lstm.weight_2", "lstm.lstm.weight_3"}));
  std::vector<torch::Tensor> weights = net->lstm->all_weights();
  EXPECT_EQ(linear_quantizer(model, "lstm.lstm.weight").scale.numel(), 16);
  weights[0] = on_grid(model, "lstm.lstm.weight", weights[0]);
  weights[1] = on_grid(model, "lstm.lstm.weight_1", weights[1]);
  weights[4] = on_grid(model, "lstm.lstm.weight_2", weights[4]);
  weights[5] = on_grid(model, "lstm.lstm.weight_3", weights[5]);
  const torch::Tensor zeros = torch::zeros({2, 2, 4});
  const auto [output, h, c] = torch::lstm(on_grid(model, "inputs.0.output", x), {zeros, zeros},
                                          weights, true, 2, 0.0, false, false, false);
  const c10::IValue result = model->run({x});
  EXPECT_TRUE(
      same(result.toTupleRef().elements()[0].toTensor(),
           F::linear(on_grid(model, "lstm.lstm.output", output),
                     on_grid(model, "last.matmul.weight", net->last->weight), net->last->bias)));
  EXPECT_TRUE(same(result.toTupleRef().elements()[1].toTensor(), c));
}

TEST(AutoquantizeLayers, Gru) {
  nn::GRU gru(nn::GRUOptions(3, 4));
  const FloatModel net(gru, [](nn::GRUImpl& called, const Inputs& inputs) {
    return std::get<0>(called.forward(inputs[0].toTensor()));
  });
  const torch::Tensor x = random_data({5, 2, 3}, 1);
  QuantizedModel model = quantized(net, x);
  std::vector<torch::Tensor> weights = gru->all_weights();
  weights[0] = on_grid(model, "gru.weight", weights[0]);
  weights[1] = on_grid(model, "gru.weight_1", weights[1]);
  EXPECT_TRUE(same(model(x), std::get<0>(torch::gru(on_grid(model, "inputs.0.output", x),
                                                    torch::zeros({1, 2, 4}), weights, true, 1, 0.0,
                                                    false, false, false))));
}

TEST(AutoquantizeLayers, Cells) {
  struct CellsImpl : nn::Module {
    CellsImpl()
        : lstm(register_module("lstm", nn::LSTMCell(3, 4))),
          gru(register_module("gru", nn::GRUCell(4, 4))) {}
    torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& h, const torch::Tensor& c) {
      const auto [next, cell] = lstm(x, std::tuple(h, c));
      return gru(next, cell);
    }
    nn::LSTMCell lstm;
    nn::GRUCell gru;
  };
  const auto net = std::make_shared<CellsImpl>();
  const torch::Tensor x = random_data({2, 3}, 1), h = random_data({2, 4}, 2),
                      c = random_data({2, 4}, 3);
  QuantizedModel model = quantized(net, Inputs{x, h, c});
  const auto [next, cell] =
      torch::lstm_cell(on_grid(model, "inputs.0.output", x), {h, c},
                       on_grid(model, "lstm.lstm_cell.weight", net->lstm->weight_ih),
                       on_grid(model, "lstm.lstm_cell.weight_1", net->lstm->weight_hh),
                       net->lstm->bias_ih, net->lstm->bias_hh);
  EXPECT_TRUE(same(model(x, h, c),
                   torch::gru_cell(on_grid(model, "lstm.lstm_cell.output", next),
                                   on_grid(model, "lstm.lstm_cell.output_1", cell),
                                   on_grid(model, "gru.gru_cell.weight", net->gru->weight_ih),
                                   on_grid(model, "gru.gru_cell.weight_1", net->gru->weight_hh),
                                   net->gru->bias_ih, net->gru->bias_hh)));
}

TEST(AutoquantizeLayers, MultiheadAttention) {
  nn::MultiheadAttention attention(nn::MultiheadAttentionOptions(8, 2));
  attention->eval();
  const FloatModel net(attention, [](nn::MultiheadAttentionImpl& called, const Inputs& inputs) {
    return std::get<0>(
        called.forward(inputs[0].toTensor(), inputs[1].toTensor(), inputs[1].toTensor()));
  });
  const torch::Tensor q = random_data({5, 2, 8}, 1), k = random_data({6, 2, 8}, 2);
  QuantizedModel model = quantized(net, Inputs{q, k});
  {
    const ff::DisableQuantization off{ff::nn::ModuleRef(model)};
    EXPECT_TRUE(same(model(q, k), net.forward({q, k}).toTensor()));
  }
  const torch::Tensor y = net.forward({q, k}).toTensor();
  EXPECT_LT((model(q, k) - y).abs().max().item<float>(), 0.05 * y.abs().max().item<float>());
  // All products are quantized: q, k and v at once, q * k^T, the weighted sum, the last projection.
  int products = 0;
  for (const ff::CallCoverage& call : model->coverage().calls) {
    if (call.op == "aten::bmm" || call.op == "aten::matmul") {
      ++products;
      EXPECT_TRUE(call.is_quantized) << call.site;
    }
  }
  EXPECT_EQ(products, 5);
  const Names weights = model->weight_places();
  EXPECT_EQ(weights.size(), 2) << "one parameter for three projections, and the last";
  for (const std::string& path : weights)
    EXPECT_EQ(linear_quantizer(model, path).granularity(), ff::PerChannel(0)) << path;
  EXPECT_EQ(linear_quantizer(model, weights[0]).scale.numel(), 24);
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

}  // namespace
