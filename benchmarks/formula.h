#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace bench {

/// The formula of docs/numerics.md in ATen operators, as one would write it in Python: the peer
/// where LibTorch has no function for the work. scale and offset broadcast to the data.
at::Tensor fake_quantize_formula(const at::Tensor& data, const at::Tensor& scale,
                                 const at::Tensor& offset, int64_t num_bits = 8);

/// The same with straight-through rounding, so that autograd gives the gradients of
/// arXiv:1902.08153 for data, scale and offset.
at::Tensor trained_formula(const at::Tensor& data, const at::Tensor& scale,
                           const at::Tensor& offset, int64_t num_bits = 8);

}  // namespace bench
