#include <torch/types.h>

#include "fastforward/quantization/affine.h"
#include "fastforward/quantization/affine_dynamic.h"
#include "support/property.h"

namespace {

using ff::test::AffineInput;
using ff::test::pick_affine;
using ff::test::pick_seed;
using ff::test::pick_strided;
using ff::test::random_data;

struct Run {
  torch::Tensor codes, values, data_gradient, scale_gradient, offset_gradient;
};

Run run(const AffineInput& input, const torch::Tensor& strided, const torch::Tensor& weight) {
  const torch::Tensor data = strided.detach().requires_grad_();
  const torch::Tensor scale = input.scale.detach().requires_grad_();
  const torch::Tensor offset =
      input.offset.value_or(torch::zeros_like(input.scale)).detach().requires_grad_();
  const torch::Tensor q =
      ff::quantize_per_granularity(data, scale, offset, input.tiled.granularity, input.num_bits);
  const torch::Tensor y = q.dequantize();
  y.backward(weight);
  return {ff::codes(q), y, data.grad(), scale.grad(), offset.grad()};
}

RC_GTEST_PROP(Strides, AnyEqualContiguous, ()) {
  const auto type = ff::test::pick(0, 1) == 0 ? torch::kFloat : torch::kDouble;
  AffineInput input = pick_affine(type);
  input.data = pick_strided(input.data);
  RC_LOG() << describe(input);
  const torch::Tensor weight = pick_strided(random_data(input.data.sizes(), pick_seed(), type));
  const Run got = run(input, input.data, weight);
  const Run expected = run(input, input.data.contiguous(), weight.contiguous());
  RC_SAME(got.codes, expected.codes);
  RC_SAME(got.values, expected.values);
  RC_SAME(got.data_gradient, expected.data_gradient);
  RC_SAME(got.scale_gradient, expected.scale_gradient);
  RC_SAME(got.offset_gradient, expected.offset_gradient);
}

RC_GTEST_PROP(Strides, OfParametersDoNotMatter, ()) {
  AffineInput input = pick_affine(torch::kFloat);
  RC_LOG() << describe(input);
  const torch::Tensor plain = ff::quantize_per_granularity(input.data, input.scale, input.offset,
                                                           input.tiled.granularity, input.num_bits);
  const auto spread = [](const torch::Tensor& parameter) {
    const torch::Tensor room = torch::full({parameter.numel(), 3}, -1.0F);
    room.select(1, 1).copy_(parameter);
    return room.select(1, 1);
  };
  const torch::Tensor q = ff::quantize_per_granularity(
      input.data, spread(input.scale),
      input.offset ? std::optional(spread(*input.offset)) : std::nullopt, input.tiled.granularity,
      input.num_bits);
  RC_SAME(ff::codes(q), ff::codes(plain));
  RC_SAME(q.dequantize(), plain.dequantize());
}

RC_GTEST_PROP(Strides, DynamicEqualsContiguous, ()) {
  AffineInput input = pick_affine(torch::kFloat);
  input.data = pick_strided(input.data);
  RC_LOG() << describe(input);
  const auto run_on = [&](const torch::Tensor& data) {
    return ff::dynamic::quantize_per_granularity(data, input.tiled.granularity, input.num_bits)
        .dequantize();
  };
  RC_SAME(run_on(input.data), run_on(input.data.contiguous()));
}

}  // namespace
