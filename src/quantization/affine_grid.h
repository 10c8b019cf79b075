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

/// Gradients of data, scale and offset: of the data's type, and [tiles] of the arithmetic's type.
using AffineGradients = std::array<at::Tensor, 3>;

/// The parameters of affine quantization, checked already, and the arithmetic with them: by kernels
/// where the tensors are in CPU memory, else in ATen operators.
///
/// Data is of any floating-point type of the grid's arithmetic. Results are written to `out` where
/// that is defined, which fits, and returned.
struct AffineGrid {
  /// `type` is that of the arithmetic.
  AffineGrid(const at::Tensor& scale, const std::optional<at::Tensor>& offset,
             const Granularity& granularity, int64_t num_bits, at::ScalarType type);

  /// The scales, [tiles], contiguous, of the arithmetic's type.
  at::Tensor scale() const;
  /// The rounded offsets, likewise; zeros without offset.
  at::Tensor z() const;

  at::Tensor quantize(const at::Tensor& data, const at::Tensor& out = {}) const;
  at::Tensor dequantize(const at::Tensor& codes, at::ScalarType dtype,
                        const at::Tensor& out = {}) const;
  at::Tensor fake_quantize(const at::Tensor& data, const at::Tensor& out = {}) const;
  /// `out` is that of the data's gradient.
  AffineGradients backward(const at::Tensor& data, const at::Tensor& gradient,
                           const at::Tensor& out = {}) const;

  at::Tensor given_scale;
  at::Tensor given_offset;  // undefined without offset
  Granularity granularity;
  int64_t num_bits;
  at::ScalarType type;
  double low;   // smallest code
  double high;  // largest code
};

// By kernels, for tensors in CPU memory.

at::Tensor quantize_cpu(const at::Tensor& data, const AffineGrid& grid, const at::Tensor& out = {});
at::Tensor dequantize_cpu(const at::Tensor& codes, const AffineGrid& grid, at::ScalarType dtype,
                          const at::Tensor& out = {});
at::Tensor fake_quantize_cpu(const at::Tensor& data, const AffineGrid& grid,
                             const at::Tensor& out = {});
AffineGradients backward_cpu(const at::Tensor& data, const at::Tensor& gradient,
                             const AffineGrid& grid, const at::Tensor& out = {});

// In ATen operators, for tensors of any device. Sums of gradients may be ordered in another way.

at::Tensor quantize_aten(const at::Tensor& data, const AffineGrid& grid);
at::Tensor dequantize_aten(const at::Tensor& codes, const AffineGrid& grid, at::ScalarType dtype);
at::Tensor fake_quantize_aten(const at::Tensor& data, const AffineGrid& grid);
AffineGradients backward_aten(const at::Tensor& data, const at::Tensor& gradient,
                              const AffineGrid& grid);

}  // namespace ff
