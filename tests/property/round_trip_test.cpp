#include <torch/types.h>

#include <algorithm>
#include <cmath>

#include "fastforward/quantization/affine.h"
#include "fastforward/quantization/affine_dynamic.h"
#include "fastforward/quantization/affine_range.h"
#include "fastforward/tensor/tiles.h"
#include "support/property.h"

namespace {

using ff::test::AffineInput;
using ff::test::pick;
using ff::test::pick_affine;
using ff::test::pick_seed;
using ff::test::random_data;

torch::ScalarType pick_type() {
  return pick(0, 1) == 0 ? torch::kFloat : torch::kDouble;
}

torch::Tensor quantize(const AffineInput& input, const torch::Tensor& data) {
  return ff::quantize_per_granularity(data, input.scale, input.offset, input.tiled.granularity,
                                      input.num_bits);
}

// The scale of each element.
torch::Tensor scales(const AffineInput& input) {
  return ff::expand_parameter(input.scale, input.data.sizes(), input.tiled.granularity)
      .expand(input.data.sizes());
}

RC_GTEST_PROP(RoundTrip, EqualsTheNaiveLoop, ()) {
  const AffineInput input = pick_affine(pick_type());
  RC_LOG() << describe(input);
  const torch::Tensor q = quantize(input, input.data);
  const auto expected = ff::test::naive_affine(input.data, input.scale, input.offset,
                                               input.tiled.tiles, input.num_bits);
  RC_SAME(ff::codes(q).to(torch::kLong), expected.codes);
  RC_SAME(q.dequantize(), expected.values);
}

RC_GTEST_PROP(RoundTrip, QuantizingTheValuesGivesTheCodesBack, ()) {
  const AffineInput input = pick_affine(pick_type());
  RC_LOG() << describe(input);
  const torch::Tensor q = quantize(input, input.data);
  RC_SAME(ff::codes(quantize(input, q.dequantize())), ff::codes(q));
}

RC_GTEST_PROP(RoundTrip, TheErrorIsHalfAStepInsideTheRange, ()) {
  const AffineInput input = pick_affine(torch::kDouble);
  RC_LOG() << describe(input);
  const torch::Tensor q = quantize(input, input.data);
  const torch::Tensor codes = ff::codes(q);
  const torch::Tensor inside = codes.gt(ff::integer_minimum(input.num_bits))
                                   .logical_and(codes.lt(ff::integer_maximum(input.num_bits)));
  // In float64, and offsets of a few hundred steps: a relative rounding of 1e-12 is ample.
  const torch::Tensor allowed = scales(input) * (0.5 + 1e-9);
  const torch::Tensor error = (q.dequantize() - input.data).abs();
  RC_ASSERT(error.le(allowed).logical_or(inside.logical_not()).all().item<bool>());
}

RC_GTEST_PROP(RoundTrip, ValuesAreOnTheGridAndInTheRange, ()) {
  const AffineInput input = pick_affine(torch::kDouble);
  RC_LOG() << describe(input);
  const auto range = ff::quantization_range(
      input.scale, input.offset ? std::optional(input.offset->round()) : std::nullopt,
      input.num_bits);
  const auto each = [&](const torch::Tensor& parameter) {
    return ff::expand_parameter(parameter, input.data.sizes(), input.tiled.granularity);
  };
  const torch::Tensor values = quantize(input, input.data * 100).dequantize();
  RC_ASSERT(values.ge(each(range.min)).all().item<bool>());
  RC_ASSERT(values.le(each(range.max)).all().item<bool>());
}

RC_GTEST_PROP(RoundTrip, IsMonotonic, ()) {
  const torch::ScalarType type = pick_type();
  const int64_t bits = pick(1, 16), n = pick(2, 300);
  const uint64_t seed = pick_seed();
  const double spread = std::exp2(static_cast<double>(pick(-10, static_cast<int64_t>(bits) + 2)));
  const torch::Tensor data = std::get<0>((random_data({n}, seed, type) * spread).sort());
  const torch::Tensor q = ff::quantize_per_tensor(data, random_data({1}, seed + 1).abs() + 0.01,
                                                  random_data({1}, seed + 2) * 10, bits);
  RC_ASSERT(ff::codes(q).to(torch::kInt).diff().ge(0).all().item<bool>());
  RC_ASSERT(q.dequantize().diff().ge(0).all().item<bool>());
}

RC_GTEST_PROP(RoundTrip, ARangeDoesNotClipItsEnds, ()) {
  const uint64_t seed = pick_seed();
  const double spread = std::exp2(static_cast<double>(pick(-20, 20)));
  const int64_t bits = pick(2, 16);
  const torch::Tensor a =
      random_data({3}, seed) * spread + spread * static_cast<double>(pick(-2, 2));
  const torch::Tensor min = a, max = a + random_data({3}, seed + 1).abs() * spread;
  const ff::RangeOptions options{.symmetric = pick(0, 1) == 1,
                                 .allow_one_sided = pick(0, 1) == 1,
                                 .one_sided_per_tile = pick(0, 1) == 1};
  const auto parameters = ff::parameters_for_range(min, max, bits, options);
  RC_ASSERT(parameters.scale.gt(0).all().item<bool>());
  RC_ASSERT(parameters.scale.isfinite().all().item<bool>());
  for (const torch::Tensor& end : {min, max}) {
    const torch::Tensor values =
        ff::quantize_per_channel(end, parameters.scale, parameters.offset, 0, bits).dequantize();
    // Half a step of rounding and half of the rounded offset; float32 of numbers like offset*scale.
    const torch::Tensor allowed = parameters.scale * 1.001 + end.abs() * 1e-5;
    RC_ASSERT((values - end).abs().le(allowed).all().item<bool>());
  }
}

RC_GTEST_PROP(RoundTrip, DynamicErrorIsOneStep, ()) {
  const AffineInput input = pick_affine(torch::kDouble, 1);
  RC_PRE(input.data.numel() > 0);
  RC_LOG() << describe(input);
  const torch::Tensor q =
      ff::dynamic::quantize_per_granularity(input.data, input.tiled.granularity, input.num_bits);
  const torch::Tensor scale =
      ff::expand_parameter(ff::bound_function(q).argument("scale").toTensor(), input.data.sizes(),
                           input.tiled.granularity);
  // Rounding, rounded offset, and the range in float32.
  const torch::Tensor allowed = scale * 1.001 + input.data.abs() * 1e-5;
  RC_ASSERT((q.dequantize() - input.data).abs().le(allowed).all().item<bool>());
}

RC_GTEST_PROP(RoundTrip, RowsOfTilesGoBack, ()) {
  const auto tiled = ff::test::pick_tiled(ff::test::pick_shape(0, 4));
  const torch::Tensor data = ff::test::pick_strided(random_data(tiled.tiles.shape, pick_seed()));
  const torch::Tensor rows = ff::tiles_to_rows(data, tiled.granularity, 7);
  RC_ASSERT(rows.size(0) == tiled.tiles.count());
  RC_SAME(ff::rows_to_tiles(rows, tiled.tiles.shape, tiled.granularity), data.contiguous());
}

}  // namespace
