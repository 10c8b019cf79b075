#include "fastforward/nn/functional/normalization.h"

#include <ATen/ops/rms_norm.h>
#include <torch/nn/functional/batchnorm.h>
#include <torch/nn/functional/normalization.h>

#include "nn/functional/call.h"

namespace ff::nn::functional {

namespace F = torch::nn::functional;

at::Tensor layer_norm(const at::Tensor& input, const F::LayerNormFuncOptions& norm,
                      const FunctionalOptions& options) {
  return call_one("layer_norm", {{"input", input}, {"weight", norm.weight()}}, options,
                  [&] { return F::layer_norm(input, norm); });
}

at::Tensor group_norm(const at::Tensor& input, const F::GroupNormFuncOptions& norm,
                      const FunctionalOptions& options) {
  return call("group_norm", {{"input", input}, {"weight", norm.weight()}}, options,
              [&] { return F::group_norm(input, norm); });
}

at::Tensor rms_norm(const at::Tensor& input, at::IntArrayRef normalized_shape,
                    const at::Tensor& weight, std::optional<double> eps,
                    const FunctionalOptions& options) {
  return call_one("rms_norm", {{"input", input}, {"weight", weight}}, options, [&] {
    return at::rms_norm(input, normalized_shape,
                        weight.defined() ? std::optional(weight) : std::nullopt, eps);
  });
}

at::Tensor batch_norm(const at::Tensor& input, const at::Tensor& running_mean,
                      const at::Tensor& running_var, const F::BatchNormFuncOptions& norm,
                      const FunctionalOptions& options) {
  return call("batch_norm", {{"input", input}, {"weight", norm.weight()}}, options,
              [&] { return F::batch_norm(input, running_mean, running_var, norm); });
}

}  // namespace ff::nn::functional
