#include "quantization/affine_arguments.h"

#include <ATen/MemoryOverlap.h>
#include <ATen/core/grad_mode.h>
#include <c10/util/Exception.h>

#include <tuple>

#include "quantization/check.h"

namespace ff {

void check_affine_arguments(const char* where, const at::Tensor& data, const at::Tensor& scale,
                            const std::optional<at::Tensor>& offset, const Granularity& granularity,
                            int64_t num_bits) {
  check::num_bits(where, num_bits);
  check::parameter_shape(where, "scale", scale, data.sizes(), granularity, data.device());
  check::scale_values(where, scale);
  if (offset.has_value()) {
    check::parameter_shape(where, "offset", *offset, data.sizes(), granularity, data.device());
    check::finite_values(where, "offset", *offset);
  }
}

void save_for_affine_backward(torch::autograd::AutogradContext* ctx, const at::Tensor& data,
                              const at::Tensor& scale, const std::optional<at::Tensor>& offset,
                              const Granularity& granularity, int64_t num_bits) {
  ctx->save_for_backward({data, scale, offset.value_or(at::Tensor())});
  ctx->saved_data["tile"] =
      granularity.is_per_tensor() ? std::vector<int64_t>{} : granularity.tile_size(data.sizes());
  ctx->saved_data["num_bits"] = num_bits;
}

void check_like_data(const char* where, const char* name, const at::Tensor& tensor,
                     const at::Tensor& data, at::ScalarType dtype) {
  TORCH_CHECK_VALUE(tensor.defined() && !is_quantized(tensor), where, ": ", name,
                    " must be a plain tensor, got ",
                    tensor.defined() ? "a quantized one" : "an undefined one", "; make it with ",
                    "torch::empty_like(data, torch::", dtype, ").");
  TORCH_CHECK_VALUE(tensor.scalar_type() == dtype && tensor.sizes() == data.sizes() &&
                        tensor.device() == data.device(),
                    where, ": ", name, " has type ", tensor.scalar_type(), ", shape ",
                    tensor.sizes(), " and is on ", tensor.device(), "; expected ", dtype, ", ",
                    data.sizes(), " on ", data.device(), ".");
}

void check_apart(const char* where, const char* name, const at::Tensor& out, const char* input_name,
                 const at::Tensor& input) {
  // Where LibTorch cannot tell, one of the two is not dense, and the result goes through a copy.
  TORCH_CHECK_VALUE(at::get_overlap_status(out, input) != at::MemOverlapStatus::Partial, where,
                    ": ", name, " overlaps the ", input_name, "; give the ", input_name,
                    " itself or memory of its own.");
}

void check_affine_output(const char* where, const char* name, const at::Tensor& out,
                         const at::Tensor& data, at::ScalarType dtype) {
  check_like_data(where, name, out, data, dtype);
  TORCH_CHECK_VALUE(!at::GradMode::is_enabled() || !out.requires_grad(), where, ": ", name,
                    " requires a gradient, which this function does not give; use "
                    "fake_quantize, or a torch::NoGradGuard.");
  if (!out.has_storage())
    return;
  TORCH_CHECK_VALUE(at::has_internal_overlap(out) != at::MemOverlap::Yes, where, ": elements of ",
                    name, " share memory; give a tensor of its own memory.");
  check_apart(where, name, out, "data", data);
}

void check_no_gradient(const char* where, const at::Tensor& data, const at::Tensor& scale,
                       const std::optional<at::Tensor>& offset) {
  TORCH_CHECK_VALUE(!detail::any_requires_grad(data, std::tie(scale, offset)), where,
                    ": data, scale or offset requires a gradient, which this function does not "
                    "give; use fake_quantize, or a torch::NoGradGuard.");
}

}  // namespace ff
