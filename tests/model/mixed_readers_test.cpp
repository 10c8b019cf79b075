#include <gtest/gtest.h>
#include <torch/torch.h>

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "fastforward/model/autoquantize.h"
#include "fastforward/model/calibrate.h"
#include "fastforward/model/presets.h"
#include "fastforward/nn/disable_quantization.h"
#include "model/explicit_quantization.h"
#include "support/tensors.h"

// Values that some read on a grid and others in float: the others must see the float values.
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
using Tensors = std::vector<torch::Tensor>;

torch::Tensor linear_on_grids(const QuantizedModel& model, const torch::Tensor& x,
                              const torch::Tensor& weight, const std::string& site) {
  return torch::linear(x, on_grid(model, site + ".weight", weight));
}

TEST(MixedReaders, AViewThatIsReturnedStaysFloat) {
  const torch::Tensor w = random_data({4, 3}, 1), v = random_data({2, 4}, 2);
  const FloatModel net([=](const torch::Tensor& in) {
    const torch::Tensor h = torch::linear(in, w).view({-1, 4});
    return Tensors{h, torch::linear(h, v)};
  });
  const torch::Tensor x = random_data({2, 3, 3}, 3);
  QuantizedModel model = quantized(net, x);
  const torch::Tensor h =
      linear_on_grids(model, on_grid(model, "inputs.0.output", x), w, "linear").view({-1, 4});
  const Tensors results = model->run({x}).toTensorVector();
  EXPECT_TRUE(same(results[0], h));
  EXPECT_TRUE(
      same(results[1], linear_on_grids(model, on_grid(model, "view.output", h), v, "linear_1")));
}

TEST(MixedReaders, APoolingThatASoftmaxReadsTooStaysFloat) {
  const torch::Tensor w = random_data({4, 3}, 1), v = random_data({2, 2}, 2);
  const FloatModel net([=](const torch::Tensor& in) {
    const torch::Tensor h = torch::max_pool1d(torch::linear(in, w), 2);
    return torch::linear(h, v) * torch::softmax(h, -1).sum();
  });
  const torch::Tensor x = random_data({2, 5, 3}, 3);
  QuantizedModel model = quantized(net, x);
  const torch::Tensor h = torch::max_pool1d(
      linear_on_grids(model, on_grid(model, "inputs.0.output", x), w, "linear"), 2);
  EXPECT_TRUE(
      same(model(x), linear_on_grids(model, on_grid(model, "max_pool1d.output", h), v, "linear_1") *
                         torch::softmax(h, -1).sum()));
}

TEST(MixedReaders, OnePieceThatIsReturnedLeavesTheOthersTheirGrids) {
  const torch::Tensor w = random_data({4, 3}, 1), v = random_data({2, 2}, 2);
  const FloatModel net([=](const torch::Tensor& in) {
    const Tensors pieces = torch::linear(in, w).chunk(2, -1);
    return Tensors{pieces[0], torch::linear(pieces[1], v)};
  });
  const torch::Tensor x = random_data({5, 3}, 3);
  QuantizedModel model = quantized(net, x);
  const Tensors pieces =
      linear_on_grids(model, on_grid(model, "inputs.0.output", x), w, "linear").chunk(2, -1);
  const Tensors results = model->run({x}).toTensorVector();
  EXPECT_TRUE(same(results[0], pieces[0]));
  EXPECT_TRUE(same(results[1], linear_on_grids(model, on_grid(model, "chunk.output_1", pieces[1]),
                                               v, "linear_1")));
}

TEST(MixedReaders, APieceThatNobodyReadsDoesNotMatter) {
  const torch::Tensor w = random_data({4, 3}, 1), v = random_data({2, 2}, 2);
  const FloatModel net([=](const torch::Tensor& in) {
    return torch::linear(torch::linear(in, w).chunk(2, -1)[1], v);
  });
  QuantizedModel model = quantized(net, random_data({5, 3}, 3));
  EXPECT_EQ(quantizer_paths(model),
            (Names{"inputs.0.output", "linear.weight", "linear.output", "linear_1.weight"}));
  EXPECT_EQ(model->coverage().calls[1].reason, "keeps the grid of its operand");
}

// Writes to a value that others have read.
torch::Tensor written_later(const torch::Tensor& in) {
  static const torch::Tensor a = random_data({3, 4}, 1), b = random_data({4, 2}, 2);
  const torch::Tensor y = in.mm(a);
  const torch::Tensor exact = y.softmax(-1);
  const torch::Tensor product = (y + in.sum()).mm(b);
  y.relu_();
  return product + y.mm(b) + exact.sum();
}

// The gradient of the input, with 16 bits, is nearly that of the float model.
void expect_float_gradient(const std::function<torch::Tensor(const torch::Tensor&)>& net) {
  const torch::Tensor x = random_data({5, 3}, 3);
  QuantizedModel model = ff::autoquantize(
      FloatModel(net), x, ff::presets::with_bits({.weight_bits = 16, .activation_bits = 16}));
  ff::calibrate(model, 1.5 * x);  // so that nothing is clipped
  const torch::Tensor got = x.clone().requires_grad_(), expected = x.clone().requires_grad_();
  model(got).sum().backward();
  net(expected).sum().backward();
  EXPECT_TRUE(torch::allclose(got.grad(), expected.grad(), 1e-2, 1e-2))
      << got.grad() << expected.grad();
}

// What a quantizer keeps for its backward must not change.
TEST(MixedReaders, AValueThatIsWrittenToLaterHasItsGradient) {
  expect_float_gradient(written_later);
}

// A node that keeps what is written later keeps itself: it holds the weight's node for good then.
TEST(MixedReaders, AValueThatIsMultipliedByItselfInPlaceLeavesNothingBehind) {
  const torch::Tensor weight = random_data({4, 2}, 1).requires_grad_();
  const auto net = [=](const torch::Tensor& in) {
    torch::Tensor y = torch::max_pool1d(in, 2);
    y.mul_(y);  // without gradients in float
    return y.matmul(weight);
  };
  const torch::Tensor x = random_data({2, 2, 8}, 2);
  QuantizedModel model = quantized(FloatModel(net), x.clone());
  const torch::Tensor scale = linear_quantizer(model, "inputs.0.output").scale;
  model(x.clone()).sum().backward();
  EXPECT_EQ(torch::autograd::impl::try_get_grad_accumulator(scale), nullptr);
}

size_t nodes_of(const torch::Tensor& output) {
  std::set<const torch::autograd::Node*> seen;
  std::vector<const torch::autograd::Node*> open = {output.grad_fn().get()};
  while (!open.empty()) {
    const torch::autograd::Node* node = open.back();
    open.pop_back();
    if (node == nullptr || !seen.insert(node).second)
      continue;
    for (const torch::autograd::Edge& edge : node->next_edges())
      open.push_back(edge.function.get());
  }
  return seen.size();
}

// A copy more would add gradients in another order.
TEST(MixedReaders, WithQuantizersOffTheGraphIsThatOfTheFloatModel) {
  const torch::Tensor x = random_data({5, 3}, 3).requires_grad_();
  QuantizedModel model = quantized(FloatModel(written_later), x);
  const ff::DisableQuantization off{ff::nn::ModuleRef(model)};
  EXPECT_EQ(nodes_of(model(x)), nodes_of(written_later(x)));
}

TEST(MixedReaders, AValueWhoseViewIsWrittenToLaterHasItsGradient) {
  const torch::Tensor a = random_data({3, 4}, 1), b = random_data({4, 2}, 2);
  const auto net = [=](const torch::Tensor& in) {
    const torch::Tensor y = in.mm(a);
    const torch::Tensor part = y.narrow(0, 0, 2);
    const torch::Tensor product = (y + in.sum()).mm(b);
    part.mul_(0.5);
    return product + y.mm(b) + y.exp().sum();
  };
  expect_float_gradient(net);
}

// Values that a call reads in one example each, on a grid for that call only: others read them in
// float.
Tensors three_readings(const torch::Tensor& h, const torch::Tensor& w) {
  return {h, torch::softmax(h, -1), torch::linear(h, w)};
}

// The range of the input is that of all examples, so it stays out.
QuantizedModel quantized_inside(const FloatModel& net, const ff::Examples& examples) {
  ff::QuantizationConfig config = ff::presets::w8a8();
  config.leave_float("inputs/**");
  QuantizedModel model = ff::autoquantize(net, examples, config);
  ff::calibrate(model, examples);
  model->set_strict(true);
  return model;
}

TEST(MixedReaders, ACallReadsTheValueOfTheBranchThatWasTaken) {
  const torch::Tensor w = random_data({3, 3}, 1);
  const FloatModel net([=](const torch::Tensor& in) {
    return three_readings(in.size(0) == 2 ? torch::sigmoid(in) : torch::relu(in), w);
  });
  const torch::Tensor one = random_data({5, 3}, 2) * 100, other = random_data({2, 3}, 3);
  QuantizedModel model = quantized_inside(net, std::vector<ff::Inputs>{{one}, {other}});
  for (const torch::Tensor& x : {one, other}) {
    const Tensors results = model->run({x}).toTensorVector();
    const Tensors expected = quantized_inside(net, x)->run({x}).toTensorVector();
    for (size_t i = 0; i < results.size(); ++i)
      EXPECT_TRUE(same(results[i], expected[i])) << "result " << i << " of " << x.size(0);
  }
}

TEST(MixedReaders, ACallReadsWhatAnOptionalFunctionGives) {
  const torch::Tensor w = random_data({3, 3}, 1);
  const FloatModel net([=](const torch::Tensor& in) {
    const torch::Tensor h = torch::linear(in, w);
    return three_readings(in.size(0) == 2 ? h + in : h, w);
  });
  const torch::Tensor one = random_data({5, 3}, 2), other = random_data({2, 3}, 3);
  QuantizedModel model = quantized_inside(net, std::vector<ff::Inputs>{{one}, {other}});
  EXPECT_TRUE(model->uninitialized().empty());
  for (const torch::Tensor& x : {one, other}) {
    const torch::Tensor h = torch::linear(x, on_grid(model, "linear.weight", w));
    const bool is_second = x.size(0) == 2;
    const torch::Tensor read = is_second ? on_grid(model, "linear.output", h) + x : h;
    const Tensors results = model->run({x}).toTensorVector();
    EXPECT_TRUE(same(results[1], torch::softmax(read, -1)));
    EXPECT_TRUE(same(
        results[2],
        linear_on_grids(model, on_grid(model, is_second ? "add.output" : "linear.output", read), w,
                        "linear")));
  }
}

}  // namespace
