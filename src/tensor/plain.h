#pragma once

#include "fastforward/tensor/quantized_tensor.h"

namespace ff {

/// The value of a tensor that may be quantized, plain or undefined.
inline at::Tensor plain(const at::Tensor& tensor) {
  return is_quantized(tensor) ? ff::dequantize(tensor) : tensor;
}

}  // namespace ff
