#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/options/conv.h>

#include "fastforward/core/api.h"
#include "fastforward/nn/functional/options.h"

namespace ff::nn::functional {

/// Returns the 1-dimensional convolution, as torch::nn::functional::conv1d. Operands: input,
/// weight.
FF_API at::Tensor conv1d(const at::Tensor& input, const at::Tensor& weight,
                         const torch::nn::functional::Conv1dFuncOptions& conv = {},
                         const FunctionalOptions& options = {});

/// Returns the 2-dimensional convolution, as torch::nn::functional::conv2d. Operands: input,
/// weight.
FF_API at::Tensor conv2d(const at::Tensor& input, const at::Tensor& weight,
                         const torch::nn::functional::Conv2dFuncOptions& conv = {},
                         const FunctionalOptions& options = {});

/// Returns the 3-dimensional convolution, as torch::nn::functional::conv3d. Operands: input,
/// weight.
FF_API at::Tensor conv3d(const at::Tensor& input, const at::Tensor& weight,
                         const torch::nn::functional::Conv3dFuncOptions& conv = {},
                         const FunctionalOptions& options = {});

/// Returns the transposed 1-dimensional convolution, as
/// torch::nn::functional::conv_transpose1d. Operands: input, weight.
FF_API at::Tensor conv_transpose1d(
    const at::Tensor& input, const at::Tensor& weight,
    const torch::nn::functional::ConvTranspose1dFuncOptions& conv = {},
    const FunctionalOptions& options = {});

/// Returns the transposed 2-dimensional convolution, as
/// torch::nn::functional::conv_transpose2d. Operands: input, weight.
FF_API at::Tensor conv_transpose2d(
    const at::Tensor& input, const at::Tensor& weight,
    const torch::nn::functional::ConvTranspose2dFuncOptions& conv = {},
    const FunctionalOptions& options = {});

/// Returns the transposed 3-dimensional convolution, as
/// torch::nn::functional::conv_transpose3d. Operands: input, weight.
FF_API at::Tensor conv_transpose3d(
    const at::Tensor& input, const at::Tensor& weight,
    const torch::nn::functional::ConvTranspose3dFuncOptions& conv = {},
    const FunctionalOptions& options = {});

}  // namespace ff::nn::functional
