#pragma once

#include <ATen/core/Tensor.h>

#include "fastforward/tensor/bound_function.h"

namespace ff {

/// Quantizes nothing: the codes are the values themselves. For quantized tensor objects that are on
/// no grid, or not yet.
const BoundQuantizationFunction& no_function();

/// True if a tensor is a quantized one with this function.
bool is_quantized_by_nothing(const at::Tensor& tensor);

}  // namespace ff
