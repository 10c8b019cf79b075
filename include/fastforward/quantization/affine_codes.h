#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>

#include "fastforward/core/api.h"
#include "fastforward/tensor/granularity.h"

namespace ff {

/// Writes the codes of `data` to `codes`, a plain tensor of the data's shape and device, and
/// returns it.
///
/// For callers that keep codes and parameters themselves, and use memory again. `codes` has type
/// int8 up to 8 bits, int16 above. Not differentiable. Formula, other arguments and errors:
/// AffineQuantizationFunction; also throws c10::ValueError if `codes` does not fit.
///
///     torch::Tensor codes = torch::empty_like(x, torch::kChar);
///     ff::quantize_codes_out(codes, x, scale, {}, ff::PerChannel(0), 4);
FF_API at::Tensor& quantize_codes_out(at::Tensor& codes, const at::Tensor& data,
                                      const at::Tensor& scale,
                                      const std::optional<at::Tensor>& offset = std::nullopt,
                                      const Granularity& granularity = {}, int64_t num_bits = 8);

/// Writes the values of `codes` to `values`, a plain floating-point tensor of the codes' shape and
/// device, and returns it. The arithmetic is that of data of this type.
///
/// Not differentiable. Codes are used as they are, also those that num_bits bits cannot hold.
/// Errors: quantize_codes_out.
FF_API at::Tensor& dequantize_codes_out(at::Tensor& values, const at::Tensor& codes,
                                        const at::Tensor& scale,
                                        const std::optional<at::Tensor>& offset = std::nullopt,
                                        const Granularity& granularity = {}, int64_t num_bits = 8);

}  // namespace ff
