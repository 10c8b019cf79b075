#pragma once

#include <ATen/core/Tensor.h>

#include <optional>
#include <string>
#include <vector>

#include "fastforward/core/api.h"
#include "fastforward/quantization/autograd_function.h"
#include "fastforward/tensor/granularity.h"

namespace ff {

/// Uniform quantization with a scale and an offset for each tile (docs/numerics.md).
///
///     z      = round_half_even(offset), 0 without offset
///     codes  = clamp(round_half_even(data / scale - z), -2^(b-1), 2^(b-1) - 1)
///     values = (codes + z) * scale
///
/// Data: float32, float64, bfloat16 or float16, any shape and strides; arithmetic in float32, for
/// float64 data in float64. scale and offset: any floating-point type, any shape with
/// granularity.parameter_dimensionality(data.sizes()) elements in row-major order of the tiles, on
/// the data's device. Codes: int8 up to 8 bits, int16 up to 16, or codes_dtype; they keep the
/// memory format of dense data. NaN gets the code nearest to value 0, infinities saturate.
///
/// Gradients (one fused backward; arXiv:1902.08153 and FastForward): inside the grid dx = g,
/// dscale += g * (round(x/scale - z) - (x/scale - z)), doffset += 0; clipped dx = 0, dscale += g *
/// (clip value + z), doffset += g * scale. NaN data gets dx = 0. There is no second derivative.
///
/// Throws c10::ValueError for: num_bits outside 1..16; codes_dtype that cannot hold the codes; a
/// scale or offset whose number of elements is not the number of tiles; a scale that is not finite
/// and > 0, an offset that is not finite (with index and value); parameters on another device.
/// c10::TypeError for data or parameters that are no floating-point tensors.
struct FF_API AffineQuantizationFunction
    : QuantizationAutogradFunction<AffineQuantizationFunction> {
  /// Scales are positive.
  static constexpr bool kMonotonic = true;

  /// Returns the codes.
  static at::Tensor quantize(torch::autograd::AutogradContext* ctx, const at::Tensor& data,
                             const at::Tensor& scale, const std::optional<at::Tensor>& offset,
                             const Granularity& granularity, int64_t num_bits,
                             std::optional<at::ScalarType> codes_dtype);
  /// Quantizes with bound arguments; without a node of the graph where no gradient is wanted.
  static at::Tensor quantize_with(
      const BoundQuantizationFunction& self, const at::Tensor& data,
      const detail::ArgumentTuple<AffineQuantizationFunction>& arguments);
  /// Returns the values in float32, or float64 if the scale is float64.
  static at::Tensor dequantize(const at::Tensor& codes, const at::Tensor& scale,
                               const std::optional<at::Tensor>& offset,
                               const Granularity& granularity, int64_t num_bits,
                               std::optional<at::ScalarType> codes_dtype);
  /// Returns the values with type `dtype`, whose arithmetic is that of data of this type.
  static at::Tensor dequantize_as(const at::Tensor& codes, std::optional<at::ScalarType> dtype,
                                  const at::Tensor& scale, const std::optional<at::Tensor>& offset,
                                  const Granularity& granularity, int64_t num_bits,
                                  std::optional<at::ScalarType> codes_dtype);
  /// Returns the gradients of data, scale and offset.
  static torch::autograd::tensor_list quant_dequant_backward(torch::autograd::AutogradContext* ctx,
                                                             const at::Tensor& gradient);
  /// Says whether `function` is this one, bound to arguments.
  static bool is_function_of(const BoundQuantizationFunction& function);
  /// "scale", "offset", "granularity", "num_bits", "codes_dtype".
  static std::vector<std::string> argument_names();
  /// Moves the parameters with the codes, where tiles stay tiles.
  static BoundQuantizationFunction::Restructured restructure(
      const BoundQuantizationFunction& self,
      const detail::ArgumentTuple<AffineQuantizationFunction>& arguments,
      const StructuralChange& change);
};

/// Quantizes `input` with given parameters for each tile of `granularity`. See
/// AffineQuantizationFunction.
///
///     torch::Tensor q = ff::quantize_per_granularity(weight, scale, {}, ff::PerChannel(0), 4);
FF_API at::Tensor quantize_per_granularity(
    const at::Tensor& input, const at::Tensor& scale, const std::optional<at::Tensor>& offset,
    const Granularity& granularity, int64_t num_bits = 8,
    std::optional<at::ScalarType> output_dtype = std::nullopt);

/// Quantizes `input` with one scale and offset, each a tensor of one element. See
/// AffineQuantizationFunction.
FF_API at::Tensor quantize_per_tensor(const at::Tensor& input, const at::Tensor& scale,
                                      const std::optional<at::Tensor>& offset = std::nullopt,
                                      int64_t num_bits = 8,
                                      std::optional<at::ScalarType> output_dtype = std::nullopt);

/// Quantizes `input` with one scale and offset, given as numbers. See AffineQuantizationFunction.
FF_API at::Tensor quantize_per_tensor(const at::Tensor& input, double scale,
                                      std::optional<double> offset = std::nullopt,
                                      int64_t num_bits = 8,
                                      std::optional<at::ScalarType> output_dtype = std::nullopt);

/// Quantizes `input` with a scale and offset for each index along `axes`. See
/// AffineQuantizationFunction.
FF_API at::Tensor quantize_per_channel(const at::Tensor& input, const at::Tensor& scale,
                                       const std::optional<at::Tensor>& offset = std::nullopt,
                                       const PerChannel& axes = -1, int64_t num_bits = 8,
                                       std::optional<at::ScalarType> output_dtype = std::nullopt);

/// Quantizes `input` with a scale and offset for each index along `channel_axis` and each
/// `block_size` elements along `block_axis`. See AffineQuantizationFunction.
FF_API at::Tensor quantize_per_block(const at::Tensor& input, const at::Tensor& scale,
                                     const std::optional<at::Tensor>& offset, int64_t channel_axis,
                                     int64_t block_axis, int64_t block_size, int64_t num_bits = 8,
                                     std::optional<at::ScalarType> output_dtype = std::nullopt);

/// Quantizes `input` with a scale and offset for each tile of shape `tile_size`. See
/// AffineQuantizationFunction.
FF_API at::Tensor quantize_by_tile(const at::Tensor& input, const at::Tensor& scale,
                                   const std::optional<at::Tensor>& offset,
                                   c10::IntArrayRef tile_size, int64_t num_bits = 8,
                                   std::optional<at::ScalarType> output_dtype = std::nullopt);

}  // namespace ff
