#pragma once

#include <ATen/core/Tensor.h>

#include <string_view>

#include "fastforward/core/api.h"
#include "fastforward/quantization/affine_range.h"
#include "fastforward/tensor/granularity.h"

namespace ff {

/// Returns the minimum and maximum of each tile, [tiles], float32 (float64 for float64 data),
/// outside the graph. Empty tiles have range [0, 0]; a zero has no sign.
///
/// Throws c10::ValueError, beginning with `where`, if the data has a NaN or an infinity.
FF_API QuantizationRange tile_range(const at::Tensor& data, const Granularity& granularity,
                                    std::string_view where = "tile_range");

}  // namespace ff
