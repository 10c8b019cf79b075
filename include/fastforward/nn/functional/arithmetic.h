#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Scalar.h>
#include <c10/util/ArrayRef.h>

#include <cstdint>

#include "fastforward/core/api.h"
#include "fastforward/nn/functional/options.h"

namespace ff::nn::functional {

/// Returns input + alpha other, broadcast. Operands: input, other.
FF_API at::Tensor add(const at::Tensor& input, const at::Tensor& other, const at::Scalar& alpha = 1,
                      const FunctionalOptions& options = {});

/// Returns input + other for a number. Operand: input.
FF_API at::Tensor add(const at::Tensor& input, const at::Scalar& other,
                      const FunctionalOptions& options = {});

/// Returns input other element by element, broadcast. Operands: input, other.
FF_API at::Tensor mul(const at::Tensor& input, const at::Tensor& other,
                      const FunctionalOptions& options = {});

/// Returns input other for a number. Operand: input.
FF_API at::Tensor mul(const at::Tensor& input, const at::Scalar& other,
                      const FunctionalOptions& options = {});

/// Returns the tensors joined along `dim`. Operands: all of them.
FF_API at::Tensor cat(at::TensorList tensors, int64_t dim = 0,
                      const FunctionalOptions& options = {});

}  // namespace ff::nn::functional
