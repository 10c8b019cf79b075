#pragma once

#include <ATen/core/Tensor.h>

#include <string>

#include "fastforward/quantization/affine_range.h"
#include "fastforward/tensor/granularity.h"

namespace ff {

/// The minimum and maximum of each tile, [tiles], float32 (float64 for float64 data), outside the
/// graph. Empty tiles have range [0, 0].
///
/// Throws c10::ValueError, beginning with `where`, if the data has a NaN or an infinity.
QuantizationRange tile_range(const std::string& where, const at::Tensor& data,
                             const Granularity& granularity);

}  // namespace ff
