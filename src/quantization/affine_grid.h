#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <optional>

#include "fastforward/tensor/granularity.h"

namespace ff {

/// The type of the arithmetic for data of type `dtype`: float32, or float64 for float64.
inline at::ScalarType arithmetic_type(at::ScalarType dtype) {
  return dtype == at::kDouble ? at::kDouble : at::kFloat;
}

/// The parameters of affine quantization, made ready for the kernels: rounded offsets, contiguous,
/// of one type.
struct AffineGrid {
  /// Takes parameters that are checked already.
  AffineGrid(const at::Tensor& scale, const std::optional<at::Tensor>& offset,
             const Granularity& granularity, int64_t num_bits, at::ScalarType type);

  at::Tensor scale;  // [tiles]
  at::Tensor z;      // [tiles]
  Granularity granularity;
  int64_t num_bits;
  double low;   // smallest code
  double high;  // largest code
};

/// The type of the codes in memory: int8 up to 8 bits, int16 above.
inline at::ScalarType codes_type(int64_t num_bits) {
  return num_bits <= 8 ? at::kChar : at::kShort;
}

/// Gradients of data, scale and offset.
using AffineGradients = std::array<at::Tensor, 3>;

/// Kernels on memory, for CPU tensors. `data` has the grid's type.
at::Tensor quantize_cpu(const at::Tensor& data, const AffineGrid& grid);
at::Tensor dequantize_cpu(const at::Tensor& codes, const AffineGrid& grid);
AffineGradients backward_cpu(const at::Tensor& data, const at::Tensor& gradient,
                             const AffineGrid& grid);

/// The same in ATen operators, for tensors of any device. Sums of gradients may be ordered in
/// another way.
at::Tensor quantize_aten(const at::Tensor& data, const AffineGrid& grid);
at::Tensor dequantize_aten(const at::Tensor& codes, const AffineGrid& grid);
AffineGradients backward_aten(const at::Tensor& data, const at::Tensor& gradient,
                              const AffineGrid& grid);

}  // namespace ff
