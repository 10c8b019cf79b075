#include "fastforward/quantization/affine_codes.h"

#include <ATen/core/grad_mode.h>
#include <c10/util/Exception.h>

#include "fastforward/quantization/function.h"
#include "quantization/affine_arguments.h"
#include "quantization/affine_grid.h"

namespace ff {

at::Tensor& quantize_codes_out(at::Tensor& codes, const at::Tensor& data, const at::Tensor& scale,
                               const std::optional<at::Tensor>& offset_in,
                               const Granularity& granularity, int64_t num_bits) {
  constexpr const char* kName = "quantize_codes_out";
  const std::optional<at::Tensor> offset = given(offset_in);
  detail::check_quantizable(kName, data);
  check_affine_arguments(kName, data, scale, offset, granularity, num_bits);
  check_affine_output(kName, "codes", codes, data, codes_type(num_bits));
  const at::NoGradGuard no_grad;
  const AffineGrid grid(scale, offset, granularity, num_bits, arithmetic_type(data.scalar_type()));
  grid.quantize(data, codes);
  return codes;
}

at::Tensor& dequantize_codes_out(at::Tensor& values, const at::Tensor& codes,
                                 const at::Tensor& scale,
                                 const std::optional<at::Tensor>& offset_in,
                                 const Granularity& granularity, int64_t num_bits) {
  constexpr const char* kName = "dequantize_codes_out";
  const std::optional<at::Tensor> offset = given(offset_in);
  TORCH_CHECK_TYPE(codes.defined() && !is_quantized(codes), kName,
                   ": the codes must be a plain tensor, got ",
                   codes.defined() ? "a quantized one; use dequantize()" : "an undefined one", ".");
  check_affine_arguments(kName, codes, scale, offset, granularity, num_bits);
  TORCH_CHECK_TYPE(values.defined() && values.is_floating_point(), kName,
                   ": values must be a floating-point tensor.");
  check_no_gradient(kName, codes, scale, offset);
  check_affine_output(kName, "values", values, codes, values.scalar_type());
  const at::NoGradGuard no_grad;
  const AffineGrid grid(scale, offset, granularity, num_bits,
                        arithmetic_type(values.scalar_type()));
  grid.dequantize(codes, values.scalar_type(), values);
  return values;
}

}  // namespace ff
