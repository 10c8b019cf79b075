#pragma once

#include <ATen/core/Tensor.h>

#include <optional>

#include "fastforward/quantization/affine.h"
#include "quantization/affine_grid.h"

// The arguments that all doors to affine quantization take.
namespace ff {

/// Throws as AffineQuantizationFunction says; `where` is the door. `data` may be codes.
void check_affine_arguments(const char* where, const at::Tensor& data, const at::Tensor& scale,
                            const std::optional<at::Tensor>& offset, const Granularity& granularity,
                            int64_t num_bits);

/// Keeps for AffineQuantizationFunction::quant_dequant_backward what it needs.
void save_for_affine_backward(torch::autograd::AutogradContext* ctx, const at::Tensor& data,
                              const at::Tensor& scale, const std::optional<at::Tensor>& offset,
                              const Granularity& granularity, int64_t num_bits);

/// Throws c10::ValueError unless `tensor` is a plain one of the shape and device of `data` and of
/// type `dtype`.
void check_like_data(const char* where, const char* name, const at::Tensor& tensor,
                     const at::Tensor& data, at::ScalarType dtype);

/// Throws c10::ValueError if `out` and an input share a part of their memory; they may share all.
void check_apart(const char* where, const char* name, const at::Tensor& out, const char* input_name,
                 const at::Tensor& input);

/// Throws c10::ValueError unless `out` can take a result of the shape and device of `data` and of
/// type `dtype`, and no gradient of `out` is wanted.
void check_affine_output(const char* where, const char* name, const at::Tensor& out,
                         const at::Tensor& data, at::ScalarType dtype);

/// Throws c10::ValueError if the gradient of some of these is wanted.
void check_no_gradient(const char* where, const at::Tensor& data, const at::Tensor& scale,
                       const std::optional<at::Tensor>& offset);

/// An undefined offset is none.
inline std::optional<at::Tensor> given(const std::optional<at::Tensor>& offset) {
  return offset.has_value() && offset->defined() ? offset : std::nullopt;
}

/// Gradients of a parameter in its own shape and type.
inline at::Tensor like_parameter(const at::Tensor& gradient, const at::Tensor& parameter) {
  return gradient.reshape(parameter.sizes()).to(parameter.scalar_type());
}

}  // namespace ff
