#include <torch/torch.h>

#include <functional>

#include "fastforward/model/autoquantize.h"
#include "fastforward/model/calibrate.h"
#include "support/tensors.h"

namespace {

using Function = std::function<torch::Tensor(const torch::Tensor&)>;

torch::Tensor data(at::IntArrayRef shape, uint64_t seed = 0) {
  return ff::test::random_data(shape, seed);
}

// With 16 bits, a quantized model gives what the float one does, to a few of 2^16 steps; a write
// that is lost changes it by much more.
void expect_float_outputs(const Function& function) {
  const torch::Tensor input = data({4, 6}, 1);
  ff::QuantizedModel quantized =
      ff::autoquantize(ff::FloatModel(function), input.clone(),
                       ff::presets::with_bits({.weight_bits = 16, .activation_bits = 16}));
  ff::calibrate(quantized, input.clone());
  const at::NoGradGuard no_grad;
  const torch::Tensor expected = function(input.clone());
  const torch::Tensor got = quantized(input.clone());
  EXPECT_TRUE(torch::allclose(got, expected, 0, 2e-3))
      << got.sub(expected).abs().max().item<double>();
}

TEST(WrittenMemory, WhatIsWrittenToAViewIsInItsBase) {
  const torch::Tensor first = data({6, 6}, 2), second = data({6, 3}, 3);
  expect_float_outputs([=](const torch::Tensor& x) {
    const torch::Tensor y = x.mm(first);
    const torch::Tensor exact = y.softmax(-1);  // reads y in float, so others get copies
    y.slice(1, 0, 3).mul_(0.25);
    return y.mm(second) + exact.sum();
  });
}

TEST(WrittenMemory, WhatIsWrittenToAViewOfAnInputIsInTheInput) {
  const torch::Tensor weight = data({6, 3}, 2);
  expect_float_outputs([=](const torch::Tensor& x) {
    x.slice(1, 0, 3).mul_(0.25);
    return x.mm(weight);
  });
}

TEST(WrittenMemory, WhatIsWrittenToABaseIsInItsView) {
  const torch::Tensor first = data({6, 6}, 2), second = data({12, 3}, 3);
  expect_float_outputs([=](const torch::Tensor& x) {
    const torch::Tensor y = x.mm(first);
    const torch::Tensor exact = y.softmax(-1);
    const torch::Tensor view = y.view({2, 12});
    y.relu_();
    return view.mm(second) + exact.sum();
  });
}

TEST(WrittenMemory, AViewThatAllReadOnAGridStaysAView) {
  const torch::Tensor first = data({6, 6}, 2), second = data({6, 3}, 3), third = data({3, 3}, 4);
  expect_float_outputs([=](const torch::Tensor& x) {
    const torch::Tensor y = x.mm(first);
    const torch::Tensor part = y.slice(1, 0, 3);
    part.mul_(0.25);
    return y.mm(second) + part.mm(third);
  });
}

TEST(WrittenMemory, AnInputThatIsWrittenToChanges) {
  const torch::Tensor weight = data({6, 3}, 2);
  expect_float_outputs([=](const torch::Tensor& x) {
    const torch::Tensor y = x.mm(weight);
    torch::Tensor(x).relu_();
    return y + x.mm(weight);
  });
}

// x.reshape() copies a transposed tensor, but a tensor on its grid may lie otherwise.
TEST(WrittenMemory, ACopyStaysACopy) {
  const torch::Tensor first = data({6, 6}, 2), second = data({3, 2}, 3);
  expect_float_outputs([=](const torch::Tensor& x) {
    const torch::Tensor y = x.slice(1, 0, 6, 2);
    const torch::Tensor copy = y.reshape({2, 6});
    const torch::Tensor product = copy.mm(first);
    copy.mul_(0.25);
    return torch::cat({y.mm(second).view({2, 4}), product, copy.mm(first)}, 1);
  });
}

// Where tensors have no versions.
TEST(WrittenMemory, WritesAreSeenInInferenceModeToo) {
  const torch::Tensor first = data({6, 6}, 2), second = data({6, 3}, 3);
  const Function function = [=](const torch::Tensor& x) {
    const torch::Tensor y = x.mm(first);
    const torch::Tensor exact = y.softmax(-1);
    const torch::Tensor product = y.mm(second);  // y on its grid is kept for the next product
    y.slice(1, 0, 3).mul_(0.25);
    return product + y.mm(second) + exact.sum();
  };
  const torch::Tensor input = data({4, 6}, 1);
  ff::QuantizedModel model =
      ff::autoquantize(ff::FloatModel(function), input,
                       ff::presets::with_bits({.weight_bits = 16, .activation_bits = 16}));
  ff::calibrate(model, input);
  const c10::InferenceMode inference;
  EXPECT_TRUE(torch::allclose(model(input), function(input), 0, 2e-3));
}

TEST(WrittenMemory, AViewIsWrittenToAfterItsBaseInTraining) {
  const torch::Tensor weight = data({6, 3}, 2), input = data({4, 6}, 1);
  const Function function = [=](const torch::Tensor& x) {
    const torch::Tensor base = x.clone();
    const torch::Tensor view = base.slice(1, 0, 3);
    base.add_(x);  // its grid has gradients
    const torch::Tensor product = base.mm(weight);
    view.relu_();
    return product + view;
  };
  ff::QuantizedModel model =
      ff::autoquantize(ff::FloatModel(function), input,
                       ff::presets::with_bits({.weight_bits = 16, .activation_bits = 16}));
  ff::calibrate(model, input);
  model->train();
  EXPECT_TRUE(torch::allclose(model(input), function(input), 0, 2e-3));
}

// In the float model nothing has a gradient here, so autograd lets it write to a piece of a list.
TEST(WrittenMemory, APieceOfAListIsWrittenToInTraining) {
  const torch::Tensor weight = data({6, 3}, 2), other = data({3, 3}, 3), input = data({4, 6}, 1);
  const Function function = [=](const torch::Tensor& x) {
    const std::vector<torch::Tensor> pieces = x.clone().chunk(2, 1);
    pieces[1].add_(pieces[0]);
    return torch::cat({pieces[1], pieces[0]}, 1).mm(weight) + pieces[1].mm(other);
  };
  ff::QuantizedModel model =
      ff::autoquantize(ff::FloatModel(function), input,
                       ff::presets::with_bits({.weight_bits = 16, .activation_bits = 16}));
  ff::calibrate(model, input);
  model->train();
  const torch::Tensor output = model(input);
  EXPECT_TRUE(torch::allclose(output, function(input), 0, 2e-3));
  EXPECT_TRUE(output.requires_grad());
  EXPECT_NO_THROW(output.sum().backward());
}

}  // namespace
