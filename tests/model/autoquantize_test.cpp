#include "fastforward/model/autoquantize.h"

#include <gtest/gtest.h>
#include <torch/script.h>
#include <torch/torch.h>

#include <stdexcept>
#include <tuple>
#include <vector>

#include "model/explicit_quantization.h"
#include "support/expect_error.h"
#include "support/tensors.h"

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
using ff::test::site_paths;
using ff::test::sorted;
using ff::test::two_layers_on_grids;
using ff::test::TwoLayers;

TEST(Autoquantize, QuantizesALayeredModel) {
  TwoLayers net;
  const torch::Tensor x = random_data({16, 4}, 1);
  QuantizedModel model = quantized(net, x);
  EXPECT_EQ(site_paths(model), (Names{"fc1.t", "fc1.addmm", "fc1.relu", "fc2.t", "fc2.addmm"}));
  EXPECT_EQ(sorted(quantizer_paths(model)),
            (Names{"fc1.addmm.weight", "fc1.relu.output", "fc2.addmm.weight", "inputs.0.output"}));
  EXPECT_EQ(model->sites()[1].op, "aten::addmm");
  EXPECT_EQ(model->sites()[1].shape, (std::vector<int64_t>{16, 8}));
  const torch::Tensor expected = two_layers_on_grids(model, net, x);
  EXPECT_TRUE(same(model(x), expected));
  EXPECT_FALSE(torch::equal(expected, net->forward(x)));
  const torch::Tensor other = random_data({3, 4}, 2);
  EXPECT_TRUE(same(model(other), two_layers_on_grids(model, net, other))) << "another batch size";
}

TEST(Autoquantize, AfterReluTheGridIsOneSided) {
  TwoLayers net;
  const torch::Tensor x = random_data({16, 4}, 1);
  const QuantizedModel model = quantized(net, x);
  const auto range = linear_quantizer(model, "fc1.relu.output").quantization_range();
  const float most = torch::relu(net->fc1(x)).max().item<float>();
  EXPECT_EQ(range->min.item<float>(), 0);
  EXPECT_NEAR(range->max.item<float>(), most, 1e-5 * most);
}

TEST(Autoquantize, TheFloatModelIsNotTouched) {
  TwoLayers net;
  const torch::Tensor x = random_data({16, 4}, 1), before = net->forward(x);
  QuantizedModel model = quantized(net, x);
  model(x);
  EXPECT_TRUE(same(net->forward(x), before));
  EXPECT_TRUE(net->is_training()) << "the mode is as it was";
  EXPECT_TRUE(model->is_training());
}

TEST(Autoquantize, OperatorsWithoutWeights) {
  // Both operands of q * k^T get a grid; softmax reads floats, and what follows it is quantized.
  const FloatModel attention(
      [](const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v) {
        const torch::Tensor scores = torch::matmul(q, k.transpose(-2, -1)) / 2.0;
        return torch::matmul(torch::softmax(scores, -1), v);
      });
  const torch::Tensor q = random_data({2, 5, 4}, 1), k = random_data({2, 5, 4}, 2),
                      v = random_data({2, 5, 4}, 3);
  const Inputs inputs = {q, k, v};
  QuantizedModel model = quantized(attention, inputs);
  EXPECT_EQ(sorted(quantizer_paths(model)),
            (Names{"inputs.0.output", "inputs.1.output", "inputs.2.output", "softmax.output"}));
  const torch::Tensor scores =
      torch::matmul(on_grid(model, "inputs.0.output", q),
                    on_grid(model, "inputs.1.output", k).transpose(-2, -1)) /
      2.0;
  const torch::Tensor expected =
      torch::matmul(on_grid(model, "softmax.output", torch::softmax(scores, -1)),
                    on_grid(model, "inputs.2.output", v));
  EXPECT_TRUE(same(model(q, k, v), expected));
}

TEST(Autoquantize, MasksAreNotQuantized) {
  // -1e4 on the grid of the scores would leave nothing of them.
  const FloatModel masked(
      [](const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& keep) {
        const torch::Tensor mask = (1.0 - keep) * -1e4;
        return torch::matmul(torch::softmax(torch::matmul(q, k.t()) + mask, -1), k);
      });
  const torch::Tensor q = random_data({5, 4}, 1), k = random_data({6, 4}, 2);
  const torch::Tensor keep = torch::tensor({1, 1, 1, 1, 0, 0}, torch::kFloat);
  QuantizedModel model = quantized(masked, Inputs{q, k, keep});
  EXPECT_EQ(sorted(quantizer_paths(model)),
            (Names{"inputs.0.output", "inputs.1.output", "softmax.output"}));
  const torch::Tensor kq = on_grid(model, "inputs.1.output", k);
  const torch::Tensor scores =
      torch::matmul(on_grid(model, "inputs.0.output", q), kq.t()) + (1.0 - keep) * -1e4;
  EXPECT_TRUE(
      same(model(q, k, keep),
           torch::matmul(on_grid(model, "softmax.output", torch::softmax(scores, -1)), kq)));
}

TEST(Autoquantize, ScaledDotProductAttention) {
  const FloatModel attention(
      [](const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v,
         const torch::Tensor& mask) { return at::scaled_dot_product_attention(q, k, v, mask); });
  const torch::Tensor q = random_data({2, 2, 5, 4}, 1), k = random_data({2, 2, 6, 4}, 2),
                      v = random_data({2, 2, 6, 4}, 3);
  const torch::Tensor mask = torch::tensor({0, 0, 0, 0, 0, -10000}, torch::kFloat).expand({5, 6});
  QuantizedModel model = quantized(attention, Inputs{q, k, v, mask});
  EXPECT_EQ(quantizer_paths(model).size(), 3);
  EXPECT_TRUE(same(model(q, k, v, mask),
                   at::scaled_dot_product_attention(on_grid(model, "inputs.0.output", q),
                                                    on_grid(model, "inputs.1.output", k),
                                                    on_grid(model, "inputs.2.output", v), mask)));
}

TEST(Autoquantize, Relu6IsQuantizedAfterNotBefore) {
  const torch::Tensor w1 = random_data({4, 3}, 1) * 9, w2 = random_data({2, 4}, 2);
  const torch::Tensor x = random_data({8, 3}, 3);
  for (const bool as_hardtanh : {false, true}) {
    const FloatModel net([=](const torch::Tensor& in) {
      const torch::Tensor h = torch::linear(in, w1);
      return torch::linear(as_hardtanh ? torch::hardtanh(h, 0, 6) : torch::relu6(h), w2);
    });
    QuantizedModel model = quantized(net, x);
    EXPECT_EQ(quantizer_paths(model).size(), 4);
    const torch::Tensor h = torch::relu6(
        torch::linear(on_grid(model, "inputs.0.output", x), on_grid(model, "linear.weight", w1)));
    EXPECT_EQ(linear_quantizer(model, "relu6.output").quantization_range()->min.item<float>(), 0);
    EXPECT_TRUE(same(model(x), torch::linear(on_grid(model, "relu6.output", h),
                                             on_grid(model, "linear_1.weight", w2))));
  }
}

TEST(Autoquantize, PaddingKeepsTheGrid) {
  const torch::Tensor w = random_data({2, 3, 3, 3}, 1), w2 = random_data({2, 2, 1, 1}, 2);
  const FloatModel net([=](const torch::Tensor& in) {
    const torch::Tensor padded = torch::constant_pad_nd(torch::conv2d(in, w), {1, 1, 1, 1});
    return torch::conv2d(padded, w2);
  });
  const torch::Tensor x = random_data({1, 3, 6, 6}, 3);
  QuantizedModel model = quantized(net, x);
  EXPECT_EQ(sorted(quantizer_paths(model)),
            (Names{"conv2d.output", "conv2d.weight", "conv2d_1.weight", "inputs.0.output"}));
  const torch::Tensor h = on_grid(
      model, "conv2d.output",
      torch::conv2d(on_grid(model, "inputs.0.output", x), on_grid(model, "conv2d.weight", w)));
  EXPECT_TRUE(same(model(x), torch::conv2d(torch::constant_pad_nd(h, {1, 1, 1, 1}),
                                           on_grid(model, "conv2d_1.weight", w2))));
}

TEST(Autoquantize, ArithmeticOnSizesMakesNoSites) {
  torch::jit::Module net("net");
  net.register_parameter("weight", random_data({4, 3}, 1), /*is_buffer=*/false);
  net.define(R"(
    def forward(self, x):
        n = x.size(0) * 2 + 1 - x.size(0) - 1
        steps = torch.arange(n) * 2 + 1
        k = int(steps[-1]) // 2 + 1
        y = torch.linear(x, self.weight)
        return y.reshape(k, -1)
  )");
  const QuantizedModel model = ff::autoquantize(net, random_data({5, 3}, 1));
  EXPECT_EQ(site_paths(model), (Names{"linear", "reshape"}));
}

TEST(Autoquantize, EveryOutputOfSeveral) {
  const torch::Tensor w = random_data({4, 3}, 1), w2 = random_data({2, 4}, 2);
  const FloatModel net([=](const torch::Tensor& in) {
    const torch::Tensor h = torch::relu(torch::linear(in, w));
    return std::tuple(torch::linear(h, w2), std::vector<torch::Tensor>{h, h.sum(1)});
  });
  const torch::Tensor x = random_data({6, 3}, 3);
  QuantizedModel model = quantized(net, x);
  const c10::IValue result = model->run({x});
  const torch::Tensor h = torch::relu(
      torch::linear(on_grid(model, "inputs.0.output", x), on_grid(model, "linear.weight", w)));
  const auto& outputs = result.toTupleRef().elements();
  EXPECT_TRUE(same(outputs[0].toTensor(), torch::linear(on_grid(model, "relu.output", h),
                                                        on_grid(model, "linear_1.weight", w2))));
  const std::vector<torch::Tensor> list = outputs[1].toTensorVector();
  EXPECT_TRUE(same(list[0], h)) << "what the model returns stays float";
  EXPECT_TRUE(same(list[1], h.sum(1)));
  EXPECT_ERROR(c10::TypeError,
               "QuantizedModel: the model gives a Tuple, not one tensor; call run(), which gives "
               "it as an IValue.",
               model(x));
}

TEST(Autoquantize, ChunksKeepTheGrid) {
  const torch::Tensor w = random_data({4, 3}, 1), w2 = random_data({2, 2}, 2);
  const FloatModel net([=](const torch::Tensor& in) {
    const auto halves = torch::linear(in, w).chunk(2, 1);
    return torch::linear(halves[0], w2) + torch::linear(halves[1], w2);
  });
  const torch::Tensor x = random_data({6, 3}, 3);
  QuantizedModel model = quantized(net, x);
  EXPECT_EQ(sorted(quantizer_paths(model)),
            (Names{"inputs.0.output", "linear.output", "linear.weight", "linear_1.weight"}));
  const auto halves = on_grid(model, "linear.output",
                              torch::linear(on_grid(model, "inputs.0.output", x),
                                            on_grid(model, "linear.weight", w)))
                          .chunk(2, 1);
  const torch::Tensor v = on_grid(model, "linear_1.weight", w2);
  EXPECT_TRUE(same(model(x), torch::linear(halves[0], v) + torch::linear(halves[1], v)));
}

TEST(Autoquantize, ConcatenationHasOneGrid) {
  const torch::Tensor w = random_data({4, 3}, 1), w2 = random_data({2, 7}, 2);
  const FloatModel net([=](const torch::Tensor& in) {
    return torch::linear(torch::cat({torch::linear(in, w), in}, 1), w2);
  });
  const torch::Tensor x = random_data({6, 3}, 3);
  QuantizedModel model = quantized(net, x);
  EXPECT_EQ(sorted(quantizer_paths(model)),
            (Names{"cat.output", "inputs.0.output", "linear.weight", "linear_1.weight"}));
  const torch::Tensor xq = on_grid(model, "inputs.0.output", x);
  const torch::Tensor joined =
      torch::cat({torch::linear(xq, on_grid(model, "linear.weight", w)), x}, 1);
  EXPECT_TRUE(same(model(x), torch::linear(on_grid(model, "cat.output", joined),
                                           on_grid(model, "linear_1.weight", w2))));
}

TEST(Autoquantize, BadExamples) {
  TwoLayers net;
  EXPECT_ERROR(c10::ValueError, "record: there is no example; give the inputs of one call.",
               ff::autoquantize(net, std::vector<Inputs>{}));
  EXPECT_ERROR(c10::TypeError, "cannot be called with 2 inputs (Tensor, int)",
               ff::autoquantize(net, Inputs{torch::ones({1, 4}), int64_t{1}}));
  EXPECT_ERROR(c10::Error, "mat1 and mat2 shapes cannot be multiplied",
               ff::autoquantize(net, torch::ones({1, 5})));
  EXPECT_TRUE(net->is_training()) << "the mode is as it was";
  EXPECT_ERROR(
      c10::ValueError,
      "record: no operator of the model read a floating-point input or a parameter; there "
      "is nothing to quantize.",
      ff::autoquantize(FloatModel([](const torch::Tensor& in) { return in; }), torch::ones({1})));
}

TEST(Autoquantize, AModelThatThrows) {
  const FloatModel net([](const torch::Tensor& in) -> torch::Tensor {
    if (torch::relu(in).sum().item<float>() >= 0)
      throw std::runtime_error("out of tea");
    return in;
  });
  EXPECT_ERROR(std::runtime_error, "out of tea", ff::autoquantize(net, torch::ones({1})));
  // No mode is left behind: another recording may begin, and plain operators are not seen.
  EXPECT_EQ(site_paths(ff::autoquantize(TwoLayers(), torch::ones({1, 4}))).size(), 5);
}

}  // namespace
