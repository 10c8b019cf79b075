#include "fastforward/nn/quantized_normalization.h"

#include <ATen/ops/ones.h>

#include <ostream>

#include "fastforward/nn/functional/normalization.h"
#include "nn/located.h"

namespace ff::nn {

namespace F = torch::nn::functional;

namespace {

// The factor of the running statistics for this batch; counts the batch in training.
template <typename Layer>
double count_batch(Layer& layer) {
  const std::optional<double> momentum = layer.options.momentum();
  if (!layer.is_training() || !layer.num_batches_tracked.defined())
    return momentum.value_or(0.0);
  layer.num_batches_tracked += 1;
  return momentum.has_value() ? *momentum : 1.0 / layer.num_batches_tracked.template item<double>();
}

// As LibTorch's BatchNorm uses them: the statistics of the batch in training and where none are
// kept.
template <typename Layer>
F::BatchNormFuncOptions batch_norm_options(Layer& layer, const at::Tensor& weight,
                                           const at::Tensor& bias) {
  return F::BatchNormFuncOptions()
      .weight(weight)
      .bias(bias)
      .training(layer.is_training() || !layer.options.track_running_stats())
      .momentum(count_batch(layer))
      .eps(layer.options.eps());
}

}  // namespace

at::Tensor QuantizedLayerNormImpl::forward(const at::Tensor& input) {
  return located(*this, [&] {
    const auto norm = F::LayerNormFuncOptions(options.normalized_shape())
                          .weight(quantized_weight())
                          .bias(quantized_bias())
                          .eps(options.eps());
    return functional::layer_norm(quantized_input(input), norm, output_options());
  });
}

at::Tensor QuantizedGroupNormImpl::forward(const at::Tensor& input) {
  return located(*this, [&] {
    const auto norm = F::GroupNormFuncOptions(options.num_groups())
                          .weight(quantized_weight())
                          .bias(quantized_bias())
                          .eps(options.eps());
    return functional::group_norm(quantized_input(input), norm, output_options());
  });
}

at::Tensor QuantizedBatchNorm1dImpl::forward(const at::Tensor& input) {
  return located(*this, [&] {
    _check_input_dim(input);
    const auto norm = batch_norm_options(*this, quantized_weight(), quantized_bias());
    return functional::batch_norm(quantized_input(input), running_mean, running_var, norm,
                                  output_options());
  });
}

at::Tensor QuantizedBatchNorm2dImpl::forward(const at::Tensor& input) {
  return located(*this, [&] {
    _check_input_dim(input);
    const auto norm = batch_norm_options(*this, quantized_weight(), quantized_bias());
    return functional::batch_norm(quantized_input(input), running_mean, running_var, norm,
                                  output_options());
  });
}

detail::RMSNormImpl::RMSNormImpl(RMSNormOptions options_) : options(std::move(options_)) {
  reset();
}

void detail::RMSNormImpl::reset() {
  weight = register_parameter(
      "weight", options.elementwise_affine() ? at::ones(options.normalized_shape()) : at::Tensor(),
      /*requires_grad=*/options.elementwise_affine());
}

void detail::RMSNormImpl::pretty_print(std::ostream& stream) const {
  stream << "torch::nn::RMSNorm(" << at::IntArrayRef(options.normalized_shape()) << ", eps=";
  if (options.eps().has_value()) {
    stream << *options.eps();
  } else {
    stream << "None";
  }
  stream << ", elementwise_affine=" << std::boolalpha << options.elementwise_affine() << ")";
}

at::Tensor QuantizedRMSNormImpl::forward(const at::Tensor& input) {
  return located(*this, [&] {
    return functional::rms_norm(quantized_input(input), options.normalized_shape(),
                                quantized_weight(), options.eps(), output_options());
  });
}

}  // namespace ff::nn
