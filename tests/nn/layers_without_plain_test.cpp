// The layers for which LibTorch has no module, against explicit operations: values, gradients,
// states and types.

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <functional>
#include <sstream>
#include <vector>

#include "fastforward/nn/quantized_activation.h"
#include "fastforward/nn/quantized_arithmetic.h"
#include "fastforward/nn/quantized_normalization.h"
#include "nn/layer_checks.h"

namespace {

using ff::test::fake;
using ff::test::random_data;
using ff::test::same;
using Tensors = std::vector<torch::Tensor>;

template <typename Layer>
struct Case {
  std::function<Layer()> make;
  std::function<torch::Tensor(Layer&, const Tensors&)> forward;
  /// The same with what the quantizers of the layer do as explicit operations; that of the output
  /// follows.
  std::function<torch::Tensor(const Layer&, const Tensors&)> explicit_forward;
  Tensors data;
};

template <typename Layer>
Layer calibrated(const Case<Layer>& one) {
  Layer layer = one.make();
  ff::test::add_quantizers(*layer, *layer);
  const auto estimation = ff::estimate_ranges(layer, ff::range_setting::running_minmax());
  one.forward(layer, one.data);
  return layer;
}

Tensors leaves(const Tensors& data) {
  Tensors result;
  for (const torch::Tensor& tensor : data)
    result.push_back(tensor.clone().requires_grad_());
  return result;
}

template <typename Layer>
void expect_explicit_operations(const Case<Layer>& one) {
  Layer layer = calibrated(one);
  const Layer reference(ff::test::copy_of(*layer));
  Tensors inputs = leaves(one.data), reference_inputs = leaves(one.data);
  const torch::Tensor output = one.forward(layer, inputs);
  ASSERT_TRUE(ff::is_quantized(output));
  const torch::Tensor expected = fake(reference->quantizer("output_quantizer"),
                                      one.explicit_forward(reference, reference_inputs));
  EXPECT_TRUE(same(output.dequantize(), expected));
  for (const torch::Tensor& parameter : layer->parameters())
    inputs.push_back(parameter);
  for (const torch::Tensor& parameter : reference->parameters())
    reference_inputs.push_back(parameter);
  const Tensors got = ff::test::gradients(output.dequantize(), inputs);
  const Tensors wanted = ff::test::gradients(expected, reference_inputs);
  ASSERT_GT(wanted.size(), one.data.size());
  for (size_t i = 0; i < wanted.size(); ++i) {
    ASSERT_TRUE(wanted[i].defined()) << i;
    EXPECT_TRUE(same(got[i], wanted[i])) << "gradient " << i;
  }
}

template <typename Layer>
void expect_states_and_types(const Case<Layer>& one) {
  Layer layer = calibrated(one);
  const torch::Tensor expected = one.forward(layer, one.data).dequantize();
  std::stringstream state;
  torch::save(layer, state);
  Layer loaded = one.make();
  ff::test::add_quantizers(*loaded, *loaded);
  torch::load(loaded, state);
  EXPECT_TRUE(same(one.forward(loaded, one.data).dequantize(), expected));

  layer->to(torch::kDouble);
  Tensors wide;
  for (const torch::Tensor& tensor : one.data)
    wide.push_back(tensor.to(torch::kDouble));
  const torch::Tensor output = one.forward(layer, wide);
  EXPECT_TRUE(ff::is_quantized(output));
  EXPECT_EQ(output.scalar_type(), torch::kDouble);
  EXPECT_TRUE(torch::allclose(output.dequantize(), expected.to(torch::kDouble), 0, 0.1));
}

template <typename Layer>
void expect_layer(const Case<Layer>& one) {
  expect_explicit_operations(one);
  expect_states_and_types(one);
}

TEST(LayersWithoutPlain, Add) {
  expect_layer<ff::nn::QuantizedAdd>(
      {[] { return ff::nn::QuantizedAdd(); },
       [](auto& layer, const Tensors& x) { return layer->forward(x[0], x[1], 2.5); },
       [](const auto& layer, const Tensors& x) {
         return torch::add(fake(layer->quantizer("input_quantizer"), x[0]),
                           fake(layer->quantizer("other_quantizer"), x[1]), 2.5);
       },
       {random_data({3, 4}, 1), random_data({4}, 2)}});
}

TEST(LayersWithoutPlain, Mul) {
  expect_layer<ff::nn::QuantizedMul>(
      {[] { return ff::nn::QuantizedMul(); },
       [](auto& layer, const Tensors& x) { return layer->forward(x[0], x[1]); },
       [](const auto& layer, const Tensors& x) {
         return fake(layer->quantizer("input_quantizer"), x[0]) *
                fake(layer->quantizer("other_quantizer"), x[1]);
       },
       {random_data({3, 4}, 1), random_data({3, 1}, 2)}});
}

TEST(LayersWithoutPlain, Cat) {
  expect_layer<ff::nn::QuantizedCat>(
      {[] { return ff::nn::QuantizedCat(1); },
       [](auto& layer, const Tensors& x) { return layer->forward(x); },
       [](const auto& layer, const Tensors& x) {
         const auto input = layer->quantizer("input_quantizer");
         return torch::cat({fake(input, x[0]), fake(input, x[1])}, 1);
       },
       {random_data({3, 4}, 1), random_data({3, 2}, 2) * 3}});
}

TEST(LayersWithoutPlain, RMSNorm) {
  expect_layer<ff::nn::QuantizedRMSNorm>(
      {[] {
         ff::nn::QuantizedRMSNorm norm(ff::nn::RMSNormOptions({5}).eps(0.01));
         const torch::NoGradGuard no_grad;
         norm->weight.copy_(random_data({5}, 3));
         return norm;
       },
       [](auto& layer, const Tensors& x) { return layer->forward(x[0]); },
       [](const auto& layer, const Tensors& x) {
         return torch::rms_norm(fake(layer->quantizer("input_quantizer"), x[0]), {5},
                                fake(layer->quantizer("weight_quantizer"), layer->weight), 0.01);
       },
       {random_data({4, 3, 5}, 1)}});
}

TEST(LayersWithoutPlain, Hardswish) {
  expect_layer<ff::nn::QuantizedHardswish>(
      {[] { return ff::nn::QuantizedHardswish(); },
       [](auto& layer, const Tensors& x) { return layer->forward(x[0]); },
       [](const auto& layer, const Tensors& x) {
         return torch::hardswish(fake(layer->quantizer("input_quantizer"), x[0]));
       },
       {random_data({4, 9}, 1) * 4}});
}

}  // namespace
