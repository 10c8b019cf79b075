#pragma once

#include <ATen/core/Tensor.h>

#include <optional>

#include "fastforward/core/api.h"
#include "fastforward/quantization/affine_range.h"
#include "fastforward/tensor/granularity.h"

/// Quantization whose scale and offset come from the data itself.
namespace ff::dynamic {

/// Quantizes `input` with the parameters of each tile's minimum and maximum (parameters_for_range).
///
/// The result carries an AffineQuantizationFunction with these parameters, the offset rounded,
/// zeros where there is none. The gradient of the data is the identity, as in FastForward: nothing
/// is clipped. NaN and infinities are a c10::ValueError, an empty tile gets a range of zero width;
/// other errors as AffineQuantizationFunction.
FF_API at::Tensor quantize_per_granularity(
    const at::Tensor& input, const Granularity& granularity, int64_t num_bits = 8,
    const RangeOptions& options = {.symmetric = false},
    std::optional<at::ScalarType> output_dtype = std::nullopt);

/// Quantizes `input` with one scale and offset. See quantize_per_granularity.
FF_API at::Tensor quantize_per_tensor(const at::Tensor& input, int64_t num_bits = 8,
                                      const RangeOptions& options = {.symmetric = false},
                                      std::optional<at::ScalarType> output_dtype = std::nullopt);

/// Quantizes `input` with a scale and offset for each index along `axes`. See
/// quantize_per_granularity.
FF_API at::Tensor quantize_per_channel(const at::Tensor& input, const PerChannel& axes,
                                       int64_t num_bits = 8,
                                       const RangeOptions& options = {.symmetric = false},
                                       std::optional<at::ScalarType> output_dtype = std::nullopt);

/// Quantizes `input` per channel and block, as ff::quantize_per_block. See
/// quantize_per_granularity.
FF_API at::Tensor quantize_per_block(const at::Tensor& input, int64_t channel_axis,
                                     int64_t block_axis, int64_t block_size, int64_t num_bits = 8,
                                     const RangeOptions& options = {.symmetric = false},
                                     std::optional<at::ScalarType> output_dtype = std::nullopt);

/// Quantizes `input` with a scale and offset for each tile of shape `tile_size`. See
/// quantize_per_granularity.
FF_API at::Tensor quantize_by_tile(const at::Tensor& input, c10::IntArrayRef tile_size,
                                   int64_t num_bits = 8,
                                   const RangeOptions& options = {.symmetric = false},
                                   std::optional<at::ScalarType> output_dtype = std::nullopt);

}  // namespace ff::dynamic
