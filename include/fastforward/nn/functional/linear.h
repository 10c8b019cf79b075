#pragma once

#include <ATen/core/Tensor.h>

#include "fastforward/core/api.h"
#include "fastforward/nn/functional/options.h"

namespace ff::nn::functional {

/// Returns input weight^T + bias, with `input` [..., in], `weight` [out, in], `bias` [out] or
/// undefined.
///
/// Operands: input, weight. The values are those of torch::nn::functional::linear.
FF_API at::Tensor linear(const at::Tensor& input, const at::Tensor& weight,
                         const at::Tensor& bias = {}, const FunctionalOptions& options = {});

/// Returns the matrix product of two tensors, batched and broadcast as by torch::matmul. Operands:
/// input, other.
FF_API at::Tensor matmul(const at::Tensor& input, const at::Tensor& other,
                         const FunctionalOptions& options = {});

/// Returns the matrix products of [B, N, K] and [B, K, M], as torch::bmm. Operands: input, mat2.
FF_API at::Tensor bmm(const at::Tensor& input, const at::Tensor& mat2,
                      const FunctionalOptions& options = {});

}  // namespace ff::nn::functional
