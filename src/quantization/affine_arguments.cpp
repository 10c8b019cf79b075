#include "quantization/affine_arguments.h"

#include <ATen/MemoryOverlap.h>
#include <ATen/core/grad_mode.h>
#include <c10/util/Exception.h>

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

void check_affine_output(const char* where, const char* name, const at::Tensor& out,
                         const at::Tensor& data, at::ScalarType dtype) {
  TORCH_CHECK_VALUE(out.defined() && !is_quantized(out), where, ": ", name,
                    " must be a plain tensor, got ",
                    out.defined() ? "a quantized one" : "an undefined one", "; make it with ",
                    "torch::empty_like(data, torch::", dtype, ").");
  TORCH_CHECK_VALUE(
      out.scalar_type() == dtype && out.sizes() == data.sizes() && out.device() == data.device(),
      where, ": ", name, " has type ", out.scalar_type(), ", shape ", out.sizes(), " and is on ",
      out.device(), "; expected ", dtype, ", ", data.sizes(), " on ", data.device(), ".");
  TORCH_CHECK_VALUE(!at::GradMode::is_enabled() || !out.requires_grad(), where, ": ", name,
                    " requires a gradient, which this function does not give; use "
                    "fake_quantize, or a torch::NoGradGuard.");
  if (!out.has_storage())
    return;
  TORCH_CHECK_VALUE(at::has_internal_overlap(out) != at::MemOverlap::Yes, where, ": elements of ",
                    name, " share memory; give a tensor of its own memory.");
  // Where LibTorch cannot tell, one of the two is not dense, and the result goes through a copy.
  TORCH_CHECK_VALUE(at::get_overlap_status(out, data) != at::MemOverlapStatus::Partial, where, ": ",
                    name, " overlaps the data; give the data itself or memory of its own.");
}

}  // namespace ff
