#include "quantization/affine_grid.h"

#include <ATen/ops/round.h>
#include <ATen/ops/zeros_like.h>

#include "fastforward/quantization/affine_range.h"

namespace ff {

AffineGrid::AffineGrid(const at::Tensor& scale, const std::optional<at::Tensor>& offset,
                       const Granularity& granularity_, int64_t num_bits_, at::ScalarType type_)
    : given_scale(scale),
      given_offset(offset.value_or(at::Tensor())),
      granularity(granularity_),
      num_bits(num_bits_),
      type(type_),
      low(static_cast<double>(integer_minimum(num_bits_))),
      high(static_cast<double>(integer_maximum(num_bits_))) {}

at::Tensor AffineGrid::scale() const {
  return given_scale.detach().to(type).reshape({-1}).contiguous();
}

at::Tensor AffineGrid::z() const {
  if (!given_offset.defined())
    return at::zeros_like(scale());
  return at::round(given_offset.detach().to(type).reshape({-1})).contiguous();
}

}  // namespace ff
