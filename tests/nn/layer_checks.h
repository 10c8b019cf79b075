#pragma once

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "fastforward/dispatch/strict.h"
#include "fastforward/nn/linear_quantizer.h"
#include "fastforward/nn/named_quantizers.h"
#include "fastforward/nn/quantized_module.h"
#include "fastforward/nn/replace_quantizer.h"
#include "fastforward/quantization/fake_quantize.h"
#include "fastforward/range_setting/estimate_ranges.h"
#include "fastforward/range_setting/min_max.h"
#include "support/tensors.h"

namespace ff::test {

/// Puts asymmetric quantizers into all places of a layer, weights per channel.
inline void add_quantizers(torch::nn::Module& module, const nn::QuantizedModule& layer) {
  for (const std::string& name : layer.quantizer_names()) {
    const bool weight = layer.quantizer(name)->metadata().has_tag("parameter/weight");
    nn::LinearQuantizerOptions options(weight ? 4 : 8);
    options.symmetric(false);
    if (weight)
      options.granularity(ff::PerChannel(0));
    nn::replace_quantizer(module, name, nn::LinearQuantizer(options));
  }
}

/// What a quantizer does to data, as an explicit operation.
inline torch::Tensor fake(const nn::Quantizer& quantizer, const torch::Tensor& data) {
  const auto* linear = quantizer->as<nn::LinearQuantizerImpl>();
  return ff::fake_quantize(data, linear->scale, linear->offset, linear->options.granularity(),
                           linear->options.num_bits());
}

/// Gives every quantizer fresh leaf parameters of the same values; returns all, the scales first.
inline std::vector<torch::Tensor> parameters_of(const nn::QuantizedModule& layer) {
  std::vector<torch::Tensor> all;
  for (const std::string& name : layer.quantizer_names()) {
    for (const torch::Tensor& parameter : layer.quantizer(name)->parameters())
      all.push_back(parameter);
  }
  return all;
}

/// The gradients of (output * factor).sum() for `inputs`; undefined where there is none.
inline std::vector<torch::Tensor> gradients(const torch::Tensor& output,
                                            const std::vector<torch::Tensor>& inputs) {
  const torch::Tensor factor = random_data(output.sizes(), 77, output.scalar_type());
  return torch::autograd::grad({(output * factor).sum()}, inputs, {}, /*retain_graph=*/true,
                               /*create_graph=*/false, /*allow_unused=*/true);
}

/// A copy of `module`, as its own type.
template <typename Impl>
std::shared_ptr<Impl> copy_of(const Impl& module) {
  return std::dynamic_pointer_cast<Impl>(module.clone());
}

/// The plain layer with its weight and bias, and the input, quantized by explicit operations on the
/// leaves of `leaves`.
template <typename PlainImpl, typename TwinImpl>
torch::Tensor explicit_forward(PlainImpl& plain, const TwinImpl& twin, const PlainImpl& leaves,
                               const torch::Tensor& input) {
  if constexpr (requires { plain.weight; }) {
    if (leaves.weight.defined())
      plain.weight = fake(twin.quantizer("weight_quantizer"), leaves.weight);
  }
  if constexpr (requires { plain.bias; }) {
    if (leaves.bias.defined())
      plain.bias = fake(twin.quantizer("bias_quantizer"), leaves.bias);
  }
  const bool has_input = twin.has_quantizer("input_quantizer");
  return fake(twin.quantizer("output_quantizer"),
              plain.forward(has_input ? fake(twin.quantizer("input_quantizer"), input) : input));
}

template <typename TwinImpl, typename PlainImpl>
void expect_plain_without_quantizers(const PlainImpl& plain, const torch::Tensor& input) {
  const auto reference = copy_of(plain);
  const auto twin = std::make_shared<TwinImpl>(*copy_of(plain));
  EXPECT_EQ(twin->named_parameters().keys(), plain.named_parameters().keys());
  EXPECT_EQ(twin->named_buffers().keys(), plain.named_buffers().keys());
  {
    const ff::StrictGuard relaxed(false);
    EXPECT_TRUE(same(twin->forward(input), reference->forward(input)));
  }
  for (const auto& buffer : reference->named_buffers())
    EXPECT_TRUE(same(twin->named_buffers()[buffer.key()], buffer.value())) << buffer.key();
  EXPECT_THROW(twin->forward(input), c10::TypeError) << "strict mode, nothing is quantized";
}

template <typename TwinImpl>
std::shared_ptr<TwinImpl> calibrated(const std::shared_ptr<TwinImpl>& twin,
                                     const torch::Tensor& input) {
  add_quantizers(*twin, *twin);
  const bool training = twin->is_training();
  twin->eval();  // Running statistics stay as they are.
  const auto estimation = ff::estimate_ranges(twin, ff::range_setting::running_minmax());
  twin->forward(input);
  twin->train(training);
  return twin;
}

template <typename TwinImpl, typename PlainImpl>
void expect_explicit_operations(const PlainImpl& plain, const torch::Tensor& data) {
  const auto twin = calibrated(std::make_shared<TwinImpl>(*copy_of(plain)), data);
  const auto reference = copy_of(*twin);  // The same leaves, other tensors.
  PlainImpl working = *copy_of(plain);    // Its members are replaced by what was computed.
  torch::Tensor input = data.clone(), reference_input = data.clone();
  if (data.is_floating_point()) {
    input.requires_grad_();
    reference_input.requires_grad_();
  }
  const torch::Tensor output = twin->forward(input);
  ASSERT_TRUE(ff::is_quantized(output));
  const torch::Tensor expected =
      explicit_forward<PlainImpl>(working, *reference, *reference, reference_input);
  EXPECT_TRUE(same(output.dequantize(), expected));

  std::vector<torch::Tensor> leaves = twin->parameters(),
                             reference_leaves = reference->parameters();
  if (data.is_floating_point()) {
    leaves.push_back(input);
    reference_leaves.push_back(reference_input);
  }
  const auto got = gradients(output.dequantize(), leaves);
  const auto wanted = gradients(expected, reference_leaves);
  for (size_t i = 0; i < wanted.size(); ++i) {
    ASSERT_TRUE(wanted[i].defined()) << "the reference has a gradient for everything, " << i;
    EXPECT_TRUE(same(got[i], wanted[i])) << "gradient " << i;
  }
}

template <typename TwinImpl, typename PlainImpl>
void expect_copies_alike(const PlainImpl& plain, const torch::Tensor& input) {
  const auto twin = calibrated(std::make_shared<TwinImpl>(*copy_of(plain)), input);
  twin->eval();
  const torch::Tensor expected = twin->forward(input).dequantize();
  const auto copy = copy_of(*twin);
  EXPECT_EQ(copy->named_parameters().keys(), twin->named_parameters().keys());
  EXPECT_TRUE(same(copy->forward(input).dequantize(), expected));
  for (const auto& parameter : copy->named_parameters())
    EXPECT_FALSE(parameter.value().is_alias_of(twin->named_parameters()[parameter.key()]));

  // Through an archive, into a fresh twin whose quantizers have no range yet.
  std::stringstream state;
  torch::save(twin, state);
  const auto fresh = std::make_shared<TwinImpl>(*copy_of(plain));
  add_quantizers(*fresh, *fresh);
  auto loaded = fresh;
  torch::load(loaded, state);
  fresh->eval();
  EXPECT_TRUE(same(fresh->forward(input).dequantize(), expected));

  // The state of the plain layer, into a twin with stubs.
  std::stringstream plain_state;
  torch::save(copy_of(plain), plain_state);
  auto stubs = std::make_shared<TwinImpl>(*copy_of(plain));
  for (torch::Tensor& parameter : stubs->parameters()) {
    const torch::NoGradGuard no_grad;
    parameter.zero_();
  }
  torch::load(stubs, plain_state);
  for (const auto& parameter : plain.named_parameters())
    EXPECT_TRUE(same(stubs->named_parameters()[parameter.key()], parameter.value()));

  twin->to(torch::kDouble);
  const torch::Tensor wide = input.is_floating_point() ? input.to(torch::kDouble) : input;
  const torch::Tensor output = twin->forward(wide);
  EXPECT_EQ(output.scalar_type(), torch::kDouble);
  EXPECT_TRUE(ff::is_quantized(output));
}

/// All that holds for every twin of a plain layer with one input.
template <typename TwinImpl, typename PlainImpl>
void expect_twin(const PlainImpl& plain, const torch::Tensor& input) {
  {
    SCOPED_TRACE("without quantizers");
    expect_plain_without_quantizers<TwinImpl>(plain, input);
  }
  {
    SCOPED_TRACE("with explicit operations");
    expect_explicit_operations<TwinImpl>(plain, input);
  }
  {
    SCOPED_TRACE("copies");
    expect_copies_alike<TwinImpl>(plain, input);
  }
}

/// The same for the holders of both.
template <typename Twin, typename Plain>
void expect_twin_of(const Plain& plain, const torch::Tensor& input) {
  expect_twin<typename Twin::ContainedType, typename Plain::ContainedType>(*plain, input);
}

}  // namespace ff::test
