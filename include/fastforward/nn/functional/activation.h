#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/options/activation.h>
#include <torch/nn/options/dropout.h>

#include "fastforward/core/api.h"
#include "fastforward/nn/functional/options.h"

namespace ff::nn::functional {

/// Returns max(input, 0). Operand: input.
FF_API at::Tensor relu(const at::Tensor& input, const FunctionalOptions& options = {});

/// Returns min(max(input, 0), 6). Operand: input.
FF_API at::Tensor relu6(const at::Tensor& input, const FunctionalOptions& options = {});

/// Returns input sigmoid(input). Operand: input.
FF_API at::Tensor silu(const at::Tensor& input, const FunctionalOptions& options = {});

/// Returns input Phi(input), exactly or approximated by tanh, as torch::nn::functional::gelu.
/// Operand: input.
FF_API at::Tensor gelu(const at::Tensor& input,
                       const torch::nn::functional::GELUFuncOptions& gelu = {},
                       const FunctionalOptions& options = {});

/// Returns input relu6(input + 3) / 6. Operand: input.
FF_API at::Tensor hardswish(const at::Tensor& input, const FunctionalOptions& options = {});

/// Returns 1 / (1 + exp(-input)). Operand: input.
FF_API at::Tensor sigmoid(const at::Tensor& input, const FunctionalOptions& options = {});

/// Returns tanh(input). Operand: input.
FF_API at::Tensor tanh(const at::Tensor& input, const FunctionalOptions& options = {});

/// Returns max(input, 0) + negative_slope min(input, 0). Operand: input.
FF_API at::Tensor leaky_relu(const at::Tensor& input, double negative_slope = 0.01,
                             const FunctionalOptions& options = {});

/// Returns exp(input) / sum(exp(input)) along an axis, as torch::nn::functional::softmax. Operand:
/// input.
FF_API at::Tensor softmax(const at::Tensor& input,
                          const torch::nn::functional::SoftmaxFuncOptions& softmax,
                          const FunctionalOptions& options = {});

/// Returns the input with elements set to zero at random when training, as
/// torch::nn::functional::dropout. Operand: input. Throws c10::NotImplementedError for
/// inplace(true): a quantized tensor is never changed in place.
FF_API at::Tensor dropout(const at::Tensor& input,
                          const torch::nn::functional::DropoutFuncOptions& dropout = {},
                          const FunctionalOptions& options = {});

}  // namespace ff::nn::functional
