#pragma once

#include <ATen/core/Tensor.h>
#include <c10/util/ArrayRef.h>
#include <torch/nn/options/batchnorm.h>
#include <torch/nn/options/normalization.h>

#include <optional>

#include "fastforward/core/api.h"
#include "fastforward/nn/functional/options.h"

namespace ff::nn::functional {

/// Normalizes over the last axes, as torch::nn::functional::layer_norm. Operands: input, weight.
FF_API at::Tensor layer_norm(const at::Tensor& input,
                             const torch::nn::functional::LayerNormFuncOptions& norm,
                             const FunctionalOptions& options = {});

/// Normalizes groups of channels, as torch::nn::functional::group_norm. Operands: input, weight.
FF_API at::Tensor group_norm(const at::Tensor& input,
                             const torch::nn::functional::GroupNormFuncOptions& norm,
                             const FunctionalOptions& options = {});

/// Returns input / sqrt(mean(input^2) + eps) weight, over the last axes, as torch::rms_norm.
/// Operands: input, weight (may be undefined). `eps` is by default the type's epsilon.
FF_API at::Tensor rms_norm(const at::Tensor& input, at::IntArrayRef normalized_shape,
                           const at::Tensor& weight = {}, std::optional<double> eps = std::nullopt,
                           const FunctionalOptions& options = {});

/// Normalizes channels with the statistics of the batch or with running ones, as
/// torch::nn::functional::batch_norm, which updates `running_mean` and `running_var` in training.
/// Operands: input, weight.
FF_API at::Tensor batch_norm(const at::Tensor& input, const at::Tensor& running_mean,
                             const at::Tensor& running_var,
                             const torch::nn::functional::BatchNormFuncOptions& norm = {},
                             const FunctionalOptions& options = {});

}  // namespace ff::nn::functional
