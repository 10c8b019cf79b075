#include "fastforward/nn/quantized_activation.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <sstream>

#include "nn/layer_checks.h"

namespace {

using ff::test::expect_twin_of;
using ff::test::random_data;
using ff::test::same;

TEST(QuantizedActivation, AreTwins) {
  const torch::Tensor x = random_data({4, 9}, 1) * 4;
  expect_twin_of<ff::nn::QuantizedReLU>(torch::nn::ReLU(), x);
  expect_twin_of<ff::nn::QuantizedReLU6>(torch::nn::ReLU6(), x);
  expect_twin_of<ff::nn::QuantizedSiLU>(torch::nn::SiLU(), x);
  expect_twin_of<ff::nn::QuantizedGELU>(torch::nn::GELU(), x);
  expect_twin_of<ff::nn::QuantizedGELU>(
      torch::nn::GELU(torch::nn::GELUOptions().approximate("tanh")), x);
  expect_twin_of<ff::nn::QuantizedSigmoid>(torch::nn::Sigmoid(), x);
  expect_twin_of<ff::nn::QuantizedTanh>(torch::nn::Tanh(), x);
  expect_twin_of<ff::nn::QuantizedLeakyReLU>(
      torch::nn::LeakyReLU(torch::nn::LeakyReLUOptions().negative_slope(0.2)), x);
  expect_twin_of<ff::nn::QuantizedSoftmax>(torch::nn::Softmax(0), x);
  expect_twin_of<ff::nn::QuantizedSoftmax>(torch::nn::Softmax(1), x);
}

TEST(QuantizedActivation, HardswishIsLibTorchsFunction) {
  const ff::StrictGuard relaxed(false);
  const torch::Tensor x = random_data({4, 9}, 1) * 4;
  ff::nn::QuantizedHardswish hardswish;
  EXPECT_TRUE(same(hardswish->forward(x), torch::hardswish(x)));
  ff::test::calibrated(hardswish.ptr(), x);
  const torch::Tensor q = hardswish->input_quantizer()->forward(x);
  EXPECT_TRUE(
      same(hardswish->forward(x).dequantize(),
           hardswish->output_quantizer()->forward(torch::hardswish(q.dequantize())).dequantize()));
  const auto copy = ff::test::copy_of(*hardswish);
  EXPECT_TRUE(same(copy->forward(x).dequantize(), hardswish->forward(x).dequantize()));
}

TEST(QuantizedActivation, NeverChangesItsInput) {
  const ff::StrictGuard relaxed(false);
  ff::nn::QuantizedReLU relu(torch::nn::ReLUOptions().inplace(true));
  EXPECT_FALSE(relu->options.inplace());
  const ff::nn::QuantizedReLU6 taken(*torch::nn::ReLU6(torch::nn::ReLU6Options().inplace(true)));
  EXPECT_FALSE(taken->options.inplace());
  const torch::Tensor x = random_data({4, 9}, 1), before = x.clone();
  relu->forward(x);
  EXPECT_TRUE(same(x, before));
}

template <typename Holder>
std::string printed(const Holder& holder) {
  std::ostringstream stream;
  holder->pretty_print(stream);
  return stream.str();
}

TEST(QuantizedActivation, PrintTheirTypes) {
  EXPECT_EQ(printed(ff::nn::QuantizedReLU()), "ff::nn::QuantizedReLU()");
  EXPECT_EQ(printed(ff::nn::QuantizedHardswish()), "ff::nn::QuantizedHardswish()");
  EXPECT_EQ(printed(ff::nn::QuantizedSoftmax(1)), "ff::nn::QuantizedSoftmax(dim=1)");
}

}  // namespace
