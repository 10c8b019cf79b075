#include <torch/torch.h>

#include <functional>
#include <vector>

#include "fastforward/dispatch/integer_guard.h"
#include "fastforward/model/autoquantize.h"
#include "fastforward/model/calibrate.h"
#include "fastforward/model/parity.h"
#include "fastforward/tensor/quantized_tensor.h"
#include "support/expect_error.h"
#include "support/tensors.h"

// What a model can see of memory, and who else sees what it writes: in integers as simulated,
// though codes lie otherwise.
namespace {

using ff::test::random_data;
using Function = std::function<torch::Tensor(const torch::Tensor&)>;

ff::QuantizedModel of(const Function& function, const torch::Tensor& input) {
  ff::QuantizedModel quantized = ff::autoquantize(ff::FloatModel(function), input.clone());
  quantized->eval();
  ff::calibrate(quantized, input.clone());
  return quantized;
}

void expect_same_ways(const Function& function, const torch::Tensor& input) {
  const at::NoGradGuard no_grad;
  ff::QuantizedModel model = of(function, input);
  const torch::Tensor simulated = model(input.clone());
  model->to_integer();
  const torch::Tensor integer = model(input.clone());
  EXPECT_EQ(integer.strides(), simulated.strides());
  constexpr double kShare = 0.02;  // a code or two on the way
  EXPECT_LE(integer.sub(simulated).abs().max().item<double>(),
            kShare * simulated.abs().max().item<double>());
}

torch::Tensor images() {
  return random_data({2, 6, 8, 8}, 1);
}
torch::Tensor kernel(int64_t size, uint64_t seed) {
  return random_data({6, 6, size, size}, seed) * 0.3;
}
torch::Tensor matrix(uint64_t seed) {
  return random_data({6, 6}, seed) * 0.4;
}

TEST(IntegerMemory, ContiguousIsTheTensorItself) {
  const torch::Tensor a = kernel(3, 2), b = kernel(1, 3);
  expect_same_ways(
      [=](const torch::Tensor& x) {
        const torch::Tensor y = torch::relu(torch::conv2d(x, a, {}, 1, 1));
        y.contiguous().add_(torch::conv2d(y, b));
        return torch::conv2d(y, b);
      },
      images());
  expect_same_ways(
      [=](const torch::Tensor& x) {
        const torch::Tensor y = torch::silu(torch::conv2d(x, a, {}, 1, 1));
        y.contiguous().mul_(-2);
        return torch::conv2d(y, b);
      },
      images());
  expect_same_ways(
      [=](const torch::Tensor& x) {
        const torch::Tensor y = torch::conv2d(x, a, {}, 1, 1);
        y.contiguous().relu_();
        return torch::conv2d(y, b);
      },
      images());
}

TEST(IntegerMemory, ContiguousIsACopyOfWhatIsPermuted) {
  const torch::Tensor a = kernel(3, 2), w = matrix(3), v = matrix(4);
  expect_same_ways(
      [=](const torch::Tensor& x) {
        const torch::Tensor p = torch::conv2d(x, a, {}, 1, 1).permute({0, 2, 3, 1});
        const torch::Tensor z = p.contiguous();
        z.mul_(2);
        return torch::linear(p, v) + torch::linear(z, w);
      },
      images());
  expect_same_ways(
      [=](const torch::Tensor& x) {
        const torch::Tensor y = torch::relu(torch::conv2d(x, a, {}, 1, 1));
        const torch::Tensor z = y.permute({0, 2, 3, 1}).reshape({-1, 6});
        z.mul_(2);
        return torch::linear(z, v) + torch::conv2d(y, a).sum();
      },
      images());
}

TEST(IntegerMemory, ResultsLieAsSimulated) {
  const torch::Tensor a = kernel(3, 2);
  expect_same_ways([=](const torch::Tensor& x) { return torch::conv2d(x, a, {}, 1, 1); }, images());
  expect_same_ways(
      [=](const torch::Tensor& x) {
        const torch::Tensor y = torch::conv2d(x, a, {}, 1, 1);
        return y.is_contiguous() ? y * 2 : y;
      },
      images());
}

TEST(IntegerMemory, WhatIsWrittenKeepsItsType) {
  const torch::Tensor w = matrix(2), v = matrix(3);
  expect_same_ways(
      [=](const torch::Tensor& x) {
        torch::Tensor y = torch::linear(x, w);
        y.mul_(torch::linear(x, v).to(torch::kDouble));
        return torch::linear(y, v);
      },
      random_data({4, 6}, 1));
}

TEST(IntegerMemory, NobodyElseSeesTheInsideOfAChain) {
  const torch::Tensor w = matrix(2).slice(0, 0, 1), v = random_data({1, 1}, 3);
  const std::vector<Function> early = {
      [](const torch::Tensor& y) { return y; }, [](const torch::Tensor& y) { return y.detach(); },
      [](const torch::Tensor& y) { return torch::full({1}, y.item<double>()); },
      [](const torch::Tensor& y) { return torch::full({1}, y.is_nonzero() ? 1.0 : 0.0); }};
  for (const Function& look : early) {
    ff::QuantizedModel model = of(
        [=](const torch::Tensor& x) {
          const torch::Tensor y = torch::linear(x, w);
          return x.size(0) == 1 ? look(y) : torch::linear(torch::relu(y), v);
        },
        random_data({4, 6}, 1));
    model->to_integer();
    EXPECT_NO_THROW(model(random_data({3, 6}, 1)));
    EXPECT_ERROR(c10::ValueError, "reads what only relu read in the examples",
                 model(random_data({1, 6}, 1)));
  }
}

TEST(IntegerMemory, ADropoutBetweenIsSeenInTraining) {
  torch::nn::Sequential net(torch::nn::Linear(6, 6), torch::nn::Dropout(0.5), torch::nn::ReLU(),
                            torch::nn::Linear(6, 3));
  ff::QuantizedModel model = ff::autoquantize(net, random_data({4, 6}, 1));
  ff::calibrate(model, random_data({4, 6}, 1));
  model->train();
  const at::NoGradGuard no_grad;
  torch::manual_seed(3);
  const torch::Tensor simulated = model(random_data({4, 6}, 1));
  model->to_integer();
  torch::manual_seed(3);
  EXPECT_TRUE(torch::allclose(model(random_data({4, 6}, 1)), simulated, 0.02, 0.02));
}

TEST(IntegerMemory, ParityLeavesTheInputsAsTheyWere) {
  const torch::Tensor w = matrix(2), input = random_data({4, 6}, 1), before = input.clone();
  ff::QuantizedModel model = of(
      [=](const torch::Tensor& x) {
        torch::Tensor(x).mul_(2);
        return torch::linear(x, w);
      },
      input);
  EXPECT_GT(ff::parity(model, input).sqnr, 60);
  EXPECT_TRUE(torch::equal(input, before));
  EXPECT_EQ(ff::parity(model, torch::zeros({0, 6})).sqnr, std::numeric_limits<double>::infinity());
}

}  // namespace
