#include "quantization/affine_grid.h"

#include <ATen/ops/round.h>
#include <ATen/ops/zeros_like.h>

#include "fastforward/quantization/affine_range.h"

namespace ff {

namespace {

at::Tensor delivered(const at::Tensor& result, const at::Tensor& out) {
  return out.defined() ? out.copy_(result) : result;
}

}  // namespace

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

at::Tensor AffineGrid::quantize(const at::Tensor& data, const at::Tensor& out) const {
  return data.is_cpu() ? quantize_cpu(data, *this, out)
                       : delivered(quantize_aten(data, *this), out);
}

at::Tensor AffineGrid::dequantize(const at::Tensor& codes, at::ScalarType dtype,
                                  const at::Tensor& out) const {
  return codes.is_cpu() ? dequantize_cpu(codes, *this, dtype, out)
                        : delivered(dequantize_aten(codes, *this, dtype), out);
}

at::Tensor AffineGrid::fake_quantize(const at::Tensor& data, const at::Tensor& out) const {
  return data.is_cpu() ? fake_quantize_cpu(data, *this, out)
                       : delivered(fake_quantize_aten(data, *this), out);
}

AffineGradients AffineGrid::backward(const at::Tensor& data, const at::Tensor& gradient,
                                     const at::Tensor& out) const {
  if (data.is_cpu())
    return backward_cpu(data, gradient, *this, out);
  AffineGradients gradients = backward_aten(data, gradient, *this);
  gradients[0] = delivered(gradients[0], out);
  return gradients;
}

}  // namespace ff
