#include "quantization/affine_grid.h"

#include <ATen/ops/round.h>
#include <ATen/ops/zeros_like.h>

#include "fastforward/quantization/affine_range.h"

namespace ff {

AffineGrid::AffineGrid(const at::Tensor& scale_, const std::optional<at::Tensor>& offset,
                       const Granularity& granularity_, int64_t num_bits_, at::ScalarType type)
    : scale(scale_.detach().to(type).reshape({-1}).contiguous()),
      z(offset.has_value() ? at::round(offset->detach().to(type).reshape({-1})).contiguous()
                           : at::zeros_like(scale)),
      granularity(granularity_),
      num_bits(num_bits_),
      low(static_cast<double>(integer_minimum(num_bits_))),
      high(static_cast<double>(integer_maximum(num_bits_))) {}

}  // namespace ff
