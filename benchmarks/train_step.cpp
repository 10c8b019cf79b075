#include <torch/autograd.h>
#include <torch/types.h>

#include <cmath>

#include "compare.h"
#include "fastforward/nn/linear_quantizer.h"
#include "fastforward/tensor/quantized_tensor.h"
#include "formula.h"
#include "problem.h"
#include "questions.h"

namespace bench {
namespace {

// The values, then the gradients of data, scale and offset.
using Step = std::vector<at::Tensor>;

Step with_gradients(const at::Tensor& values, const std::vector<at::Tensor>& inputs,
                    const at::Tensor& gradient) {
  Step step{values.detach()};
  for (const at::Tensor& input_gradient : torch::autograd::grad({values}, inputs, {gradient}))
    step.push_back(input_gradient);
  return step;
}

void check(const at::Tensor& gradient, const Step& ours, const Step& peer) {
  expect_same("values", ours[0], peer[0]);
  // Autograd passes on g * scale / scale, rounded twice, where the fused backward passes on g.
  expect_same("data gradient", ours[1], peer[1], {gradient.abs() * std::ldexp(1.0, -22)});
  // The formula's gradient of the scale is the difference of two sums with up to 131 |g| in each
  // term; float32 sums by halves are wrong by about log2(n) * 2^-24 of it.
  const at::Tensor allowed = gradient.abs().sum().view({1}) * 1e-4;
  expect_same("scale gradient", ours[2], peer[2], {allowed});
  expect_same("offset gradient", ours[3], peer[3], {allowed});
}

// Where a code is just on the grid's end LibTorch 2.15's clamp passes no gradient on, older ones'
// does, and so do we. There is no such element in this data.
at::Tensor off_the_bounds(const at::Tensor& data, const ff::nn::LinearQuantizer& quantizer) {
  const at::NoGradGuard no_grad;
  const at::Tensor codes = (data / quantizer->scale - quantizer->offset.round()).round();
  return torch::where(codes.eq(-128).logical_or(codes.eq(127)), 0, data);
}

Contest learned_step(int64_t elements) {
  const at::Tensor gradient = normal({elements}, /*seed=*/2);
  ff::nn::LinearQuantizer quantizer(ff::nn::LinearQuantizerOptions(8).symmetric(false));
  quantizer->set_quantization_range(-2.5, 2.7);
  const at::Tensor data = off_the_bounds(normal({elements}), quantizer).requires_grad_();
  const std::vector<at::Tensor> inputs{data, quantizer->scale, quantizer->offset};
  const std::function<Step()> ours = [=]() mutable {
    return with_gradients(ff::dequantize(quantizer(data)), inputs, gradient);
  };
  const auto peer = [=] {
    return with_gradients(trained_formula(inputs[0], inputs[1], inputs[2]), inputs, gradient);
  };
  return {{"LinearQuantizer", [=] { ours(); }},
          Contestant{"ATen operators", [=] { peer(); }},
          std::nullopt,
          [=] { check(gradient, ours(), peer()); }};
}

}  // namespace

std::vector<Benchmark> train_step(const Sizes& sizes) {
  return {{"train_step/LinearQuantizer", {10, {}}, [=] { return learned_step(sizes.training()); }}};
}

}  // namespace bench
