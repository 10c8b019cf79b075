#include <gtest/gtest.h>
#include <torch/script.h>
#include <torch/torch.h>

#include <string>
#include <vector>

#include "fastforward/model/autoquantize.h"
#include "model/explicit_quantization.h"
#include "support/tensors.h"

// Layers of models of sequences: embeddings, recurrent layers, attention.
namespace {

using ff::FloatModel;
using ff::Inputs;
using ff::QuantizedModel;
using ff::test::linear_quantizer;
using ff::test::Names;
using ff::test::on_grid;
using ff::test::quantized;
using ff::test::quantizer_paths;
using ff::test::random_data;
using ff::test::same;
using ff::test::sorted;
namespace F = torch::nn::functional;
namespace nn = torch::nn;

TEST(AutoquantizeSequences, EmbeddingAndIntegers) {
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

TEST(AutoquantizeSequences, Lstm) {
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

TEST(AutoquantizeSequences, Gru) {
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

TEST(AutoquantizeSequences, Cells) {
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

TEST(AutoquantizeSequences, MultiheadAttention) {
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

// One fused operator without gradients, and its parts with them.
TEST(AutoquantizeSequences, AnEncoderThatRunsOtherOperatorsInTraining) {
  const torch::jit::Module net = torch::jit::load(FF_MODEL_DATA "/encoder.pt");
  const torch::Tensor x = random_data({2, 5, 8}, 1);
  QuantizedModel model = quantized(net, x);
  EXPECT_TRUE(model->depends_on_grad_mode());
  model->set_strict(true);
  {
    const torch::NoGradGuard no_grad;
    EXPECT_NO_THROW(model(x));
  }
  model(x).square().sum().backward();
  for (const torch::Tensor& parameter : model->model_parameters())
    EXPECT_TRUE(parameter.grad().defined());
  const auto weights = ff::find_quantizers(model, "**/[qtag:parameter/weight]").quantizers();
  EXPECT_EQ(weights.size(), 4);
  for (const auto& weight : weights)
    EXPECT_TRUE(dynamic_cast<ff::nn::LinearQuantizerImpl&>(*weight).scale.grad().defined());
}

}  // namespace
