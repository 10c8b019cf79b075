#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>

#include "fastforward/core/api.h"
#include "fastforward/tensor/granularity.h"

namespace ff {

/// Returns the values of `data` on the grid, dequantize(quantize(data)), in one pass and without
/// codes.
///
///     values = (clamp(round_half_even(data / scale - z), low, high) + z) * scale
///
/// A plain tensor of the data's type, bit for bit what
/// `quantize_per_granularity(...).dequantize()` gives; the sign of a zero is that of integer codes.
/// Differentiable in data, scale and offset with the same gradients. Use it where the codes are not
/// needed, as in training. Arguments and errors: AffineQuantizationFunction.
///
///     torch::Tensor y = ff::fake_quantize(x, scale, {}, ff::PerChannel(0), 4);
FF_API at::Tensor fake_quantize(const at::Tensor& data, const at::Tensor& scale,
                                const std::optional<at::Tensor>& offset = std::nullopt,
                                const Granularity& granularity = {}, int64_t num_bits = 8);

/// Writes what fake_quantize gives to `out`, which has the data's shape, type and device, and
/// returns it.
///
/// `out` may be `data` itself; else the two must not overlap. Not differentiable: throws
/// c10::ValueError if a gradient of some argument is wanted, or if `out` does not fit.
FF_API at::Tensor& fake_quantize_out(at::Tensor& out, const at::Tensor& data,
                                     const at::Tensor& scale,
                                     const std::optional<at::Tensor>& offset = std::nullopt,
                                     const Granularity& granularity = {}, int64_t num_bits = 8);

/// Gradients of the parameters of a grid.
struct FF_API ParameterGradients {
  /// Of the scale, in its shape and type.
  at::Tensor scale;
  /// Of the offset, in its shape and type; undefined without offset.
  at::Tensor offset;
};

/// Writes the gradient of `data` to `data_gradient` and returns those of scale and offset.
///
/// `gradient` is that of the values; it has the shape and type of `data`, and so has
/// `data_gradient`, which may be one of the two. Not differentiable once more. Formulas:
/// AffineQuantizationFunction. Throws c10::ValueError if something does not fit.
FF_API ParameterGradients fake_quantize_backward_out(
    at::Tensor& data_gradient, const at::Tensor& gradient, const at::Tensor& data,
    const at::Tensor& scale, const std::optional<at::Tensor>& offset = std::nullopt,
    const Granularity& granularity = {}, int64_t num_bits = 8);

}  // namespace ff
