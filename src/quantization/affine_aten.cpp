#include <ATen/TensorOperators.h>
#include <ATen/ops/logical_or.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros_like.h>

#include "fastforward/tensor/tiles.h"
#include "quantization/affine_grid.h"

namespace ff {
namespace {

struct Expanded {
  at::Tensor scale, z;
};

Expanded expand(const AffineGrid& grid, c10::IntArrayRef shape) {
  return {expand_parameter(grid.scale(), shape, grid.granularity),
          expand_parameter(grid.z(), shape, grid.granularity)};
}

// Position on the grid before rounding; NaN data is taken as value 0, as in kernels/reference.h.
// at::isnan and at::where have no kernels for the meta device, these have.
at::Tensor grid_position(const at::Tensor& data, const Expanded& parameters) {
  return data.masked_fill(data.ne(data), 0) / parameters.scale - parameters.z;
}

at::Tensor sum_tiles(const at::Tensor& terms, const AffineGrid& grid) {
  return tiles_to_rows(terms, grid.granularity).sum(1, false, at::kDouble).to(terms.scalar_type());
}

// Codes as numbers of the arithmetic's type.
at::Tensor codes_of(const at::Tensor& data, const Expanded& parameters, const AffineGrid& grid) {
  return grid_position(data.to(grid.type), parameters).round().clamp(grid.low, grid.high);
}

}  // namespace

at::Tensor quantize_aten(const at::Tensor& data, const AffineGrid& grid) {
  return codes_of(data, expand(grid, data.sizes()), grid).to(codes_type(grid.num_bits));
}

at::Tensor dequantize_aten(const at::Tensor& codes, const AffineGrid& grid, at::ScalarType dtype) {
  const Expanded parameters = expand(grid, codes.sizes());
  return ((codes.to(grid.type) + parameters.z) * parameters.scale).to(dtype);
}

at::Tensor fake_quantize_aten(const at::Tensor& data, const AffineGrid& grid) {
  const Expanded parameters = expand(grid, data.sizes());
  // Adding 0 takes the sign from a zero, as integer codes do.
  const at::Tensor codes = codes_of(data, parameters, grid) + 0;
  return ((codes + parameters.z) * parameters.scale).to(data.scalar_type());
}

AffineGradients backward_aten(const at::Tensor& data_in, const at::Tensor& gradient_in,
                              const AffineGrid& grid) {
  const at::Tensor data = data_in.to(grid.type), gradient = gradient_in.to(grid.type);
  const Expanded parameters = expand(grid, data.sizes());
  const at::Tensor position = grid_position(data, parameters);
  const at::Tensor code = position.round();
  const at::Tensor clipped = at::logical_or(code.lt(grid.low), code.gt(grid.high));
  const at::Tensor zero = at::zeros_like(gradient);
  const at::Tensor slope =
      at::where(clipped, code.clamp(grid.low, grid.high) + parameters.z, code - position);
  const at::Tensor data_gradient = at::where(at::logical_or(clipped, data.isnan()), zero, gradient);
  return {data_gradient.to(data_in.scalar_type()), sum_tiles(gradient * slope, grid),
          sum_tiles(at::where(clipped, gradient * parameters.scale, zero), grid)};
}

}  // namespace ff
