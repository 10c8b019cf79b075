#include <torch/autograd.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <cmath>

#include "fastforward/quantization/affine.h"
#include "fastforward/quantization/affine_range.h"
#include "fastforward/quantization/ste.h"
#include "fastforward/tensor/tiles.h"
#include "support/property.h"

namespace {

using ff::test::AffineInput;
using ff::test::pick_affine;
using ff::test::pick_seed;
using ff::test::random_data;

// What the straight-through estimator says the function is near a point: rounding adds a constant,
// and what is clipped stays so. This is smooth, so that differences can be taken.
struct Surrogate {
  Surrogate(const AffineInput& input, const torch::Tensor& offset)
      : granularity(input.tiled.granularity) {
    const torch::Tensor z = offset.round();
    z_residual = z - offset;
    const torch::Tensor position = input.data / each(input.scale, input.data) - each(z, input.data);
    residual = position.round() - position;
    const double low = static_cast<double>(ff::integer_minimum(input.num_bits)),
                 high = static_cast<double>(ff::integer_maximum(input.num_bits));
    clip = position.round().clamp(low, high);
    clipped = clip.ne(position.round());
  }
  torch::Tensor each(const torch::Tensor& parameter, const torch::Tensor& data) const {
    return ff::expand_parameter(parameter, data.sizes(), granularity);
  }
  torch::Tensor operator()(const torch::Tensor& data, const torch::Tensor& scale,
                           const torch::Tensor& offset) const {
    const torch::Tensor s = each(scale, data), z = each(offset + z_residual, data);
    return (torch::where(clipped, clip, data / s - z + residual) + z) * s;
  }
  ff::Granularity granularity;
  torch::Tensor z_residual, residual, clip, clipped;
};

// The slope of f along `direction`, by central differences.
template <typename Function>
double slope(const Function& f, double step) {
  return (f(step) - f(-step)) / (2 * step);
}

RC_GTEST_PROP(Gradients, OfFloat64EqualFiniteDifferences, ()) {
  AffineInput input = pick_affine(torch::kDouble);
  RC_LOG() << describe(input);
  const uint64_t seed = pick_seed();
  const torch::Tensor data = input.data.requires_grad_(), scale = input.scale.requires_grad_();
  const torch::Tensor offset =
      input.offset.value_or(torch::zeros_like(scale)).detach().requires_grad_();
  const torch::Tensor weight = random_data(data.sizes(), seed, torch::kDouble);
  const torch::Tensor y =
      ff::quantize_per_granularity(data, scale, offset, input.tiled.granularity, input.num_bits)
          .dequantize();
  (y * weight).sum().backward();

  const torch::NoGradGuard no_grad;
  const Surrogate surrogate(input, offset);
  // The surrogate goes through the very point.
  RC_ASSERT(torch::allclose(surrogate(data, scale, offset), y, 1e-9,
                            1e-9 * scale.abs().sum().item<double>()));
  // Along one random direction for each input, so that all elements count.
  const auto check = [&](const torch::Tensor& variable, double size, const auto& moved) {
    const torch::Tensor direction = random_data(variable.sizes(), seed + 1, torch::kDouble) * size;
    const auto surrogate_sum = [&](const torch::Tensor& step) {
      const torch::Tensor sum = (moved(step) * weight).sum();
      return sum.item<double>();
    };
    const double expected =
        slope([&](double step) { return surrogate_sum(direction * step); }, 1e-4);
    const double got = (variable.grad() * direction).sum().item<double>();
    // Central differences of a function that is linear here: rounding only, 1e-16 of what is summed
    // over the step of 1e-4.
    const torch::Tensor sizes =
        y.abs() + data.abs() + surrogate.each(scale * (1 + offset.abs()), y);
    const double whole = (sizes * weight.abs()).sum().item<double>();
    const double allowed = 1e-9 * (std::abs(expected) + whole) + 1e-30;
    if (!(std::abs(got - expected) <= allowed))
      RC_FAIL(c10::str("the gradient gives ", got, ", differences ", expected));
  };
  // Steps in units of the smallest scale.
  const double unit = scale.numel() == 0 ? 1 : scale.min().item<double>();
  check(data, unit,
        [&](const torch::Tensor& step) { return surrogate(data + step, scale, offset); });
  check(scale, unit * 0.1,
        [&](const torch::Tensor& step) { return surrogate(data, scale + step, offset); });
  check(offset, 1,
        [&](const torch::Tensor& step) { return surrogate(data, scale, offset + step); });
}

RC_GTEST_PROP(Gradients, AUsersFunctionWithRoundSteAgrees, ()) {
  // The same formula written with LibTorch's operators and round_ste.
  const AffineInput input = pick_affine(torch::kDouble);
  RC_LOG() << describe(input);
  const torch::Tensor data = input.data.requires_grad_(), scale = input.scale.requires_grad_();
  const torch::Tensor offset =
      input.offset.value_or(torch::zeros_like(scale)).detach().requires_grad_();
  const torch::Tensor weight = random_data(data.sizes(), pick_seed(), torch::kDouble);
  const auto gradients = [&](const torch::Tensor& y) {
    return torch::autograd::grad({(y * weight).sum()}, {data, scale, offset});
  };
  const auto each = [&](const torch::Tensor& parameter) {
    return ff::expand_parameter(parameter, data.sizes(), input.tiled.granularity);
  };
  const torch::Tensor z = each(ff::round_ste(offset)), s = each(scale);
  // Not clamp(): on the bound itself its gradient is 0 in LibTorch 2.15, 1 in 2.7.
  const torch::Tensor low = torch::full({}, ff::integer_minimum(input.num_bits), torch::kDouble),
                      high = torch::full({}, ff::integer_maximum(input.num_bits), torch::kDouble);
  const torch::Tensor rounded = ff::round_ste(data / s - z);
  const torch::Tensor codes =
      torch::where(rounded.lt(low), low, torch::where(rounded.gt(high), high, rounded));
  const auto expected = gradients((codes + z) * s);
  const auto got = gradients(
      ff::quantize_per_granularity(data, scale, offset, input.tiled.granularity, input.num_bits)
          .dequantize());
  for (size_t i = 0; i < got.size(); ++i) {
    // Float64 sums in another order. Autograd's differences of large terms lose digits: relative to
    // the sum of the terms, at most |weight| times codes, offsets and scales.
    const double whole = weight.abs().sum().item<double>() *
                         (i == 0   ? 1.0
                          : i == 1 ? std::exp2(static_cast<double>(input.num_bits)) +
                                         offset.abs().sum().item<double>()
                                   : scale.sum().item<double>());
    const double difference =
        got[i].numel() == 0 ? 0 : (got[i] - expected[i]).abs().max().item<double>();
    if (!(difference <= 1e-12 * whole + 1e-30))
      RC_FAIL(c10::str("gradient ", i, " is ", got[i], ", expected ", expected[i]));
  }
}

}  // namespace
