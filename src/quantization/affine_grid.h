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

/// The type of the codes in memory: int8 up to 8 bits, int16 above.
inline at::ScalarType codes_type(int64_t num_bits) {
  return num_bits <= 8 ? at::kChar : at::kShort;
}

/// The parameters of affine quantization, checked already.
struct AffineGrid {
  /// `type` is that of the arithmetic.
  AffineGrid(const at::Tensor& scale, const std::optional<at::Tensor>& offset,
             const Granularity& granularity, int64_t num_bits, at::ScalarType type);

  /// The scales, [tiles], contiguous, of the arithmetic's type.
  at::Tensor scale() const;
  /// The rounded offsets, likewise; zeros without offset.
  at::Tensor z() const;

  at::Tensor given_scale;
  at::Tensor given_offset;  // undefined without offset
  Granularity granularity;
  int64_t num_bits;
  at::ScalarType type;
  double low;   // smallest code
  double high;  // largest code
};

/// Gradients of data, scale and offset: of the data's type, and [tiles] of the arithmetic's type.
using AffineGradients = std::array<at::Tensor, 3>;

// Kernels on memory, for CPU tensors. Data is of any floating-point type of the grid's arithmetic.
// The result is written to `out` where that is defined, which fits, and returned.

at::Tensor quantize_cpu(const at::Tensor& data, const AffineGrid& grid, at::Tensor out = {});
at::Tensor dequantize_cpu(const at::Tensor& codes, const AffineGrid& grid, at::ScalarType dtype,
                          at::Tensor out = {});
at::Tensor fake_quantize_cpu(const at::Tensor& data, const AffineGrid& grid, at::Tensor out = {});
/// `out` is that of the data's gradient.
AffineGradients backward_cpu(const at::Tensor& data, const at::Tensor& gradient,
                             const AffineGrid& grid, at::Tensor out = {});

// The same in ATen operators, for tensors of any device. Sums of gradients may be ordered in
// another way.

at::Tensor quantize_aten(const at::Tensor& data, const AffineGrid& grid);
at::Tensor dequantize_aten(const at::Tensor& codes, const AffineGrid& grid, at::ScalarType dtype);
at::Tensor fake_quantize_aten(const at::Tensor& data, const AffineGrid& grid);
AffineGradients backward_aten(const at::Tensor& data, const at::Tensor& gradient,
                              const AffineGrid& grid);

}  // namespace ff
