#pragma once

#include <ATen/core/Tensor.h>
#include <torch/arg.h>
#include <torch/nn/cloneable.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/normalization.h>

#include <optional>
#include <vector>

#include "fastforward/core/api.h"
#include "fastforward/nn/quantized_layer.h"

namespace ff::nn {

/// torch::nn::LayerNorm with quantizers for input, weight, bias and output. Source: FastForward's
/// QuantizedLayerNorm.
class FF_API QuantizedLayerNormImpl
    : public QuantizedLayer<QuantizedLayerNormImpl, torch::nn::LayerNormImpl, kWeightedPlaces> {
 public:
  using QuantizedLayer::QuantizedLayer;
  /// Returns the input normalized over its last axes. Throws c10::TypeError in strict mode if
  /// input, weight or output is not quantized.
  at::Tensor forward(const at::Tensor& input);
};

/// Holder of QuantizedLayerNormImpl.
TORCH_MODULE(QuantizedLayerNorm);

/// torch::nn::GroupNorm with quantizers for input, weight, bias and output.
class FF_API QuantizedGroupNormImpl
    : public QuantizedLayer<QuantizedGroupNormImpl, torch::nn::GroupNormImpl, kWeightedPlaces> {
 public:
  using QuantizedLayer::QuantizedLayer;
  /// Returns the input [N, C, ...] normalized over groups of channels. Throws c10::TypeError in
  /// strict mode if input, weight or output is not quantized.
  at::Tensor forward(const at::Tensor& input);
};

/// Holder of QuantizedGroupNormImpl.
TORCH_MODULE(QuantizedGroupNorm);

/// torch::nn::BatchNorm1d with quantizers for input, weight, bias and output.
class FF_API QuantizedBatchNorm1dImpl
    : public QuantizedLayer<QuantizedBatchNorm1dImpl, torch::nn::BatchNorm1dImpl, kWeightedPlaces> {
 public:
  using QuantizedLayer::QuantizedLayer;
  /// Returns the input [N, C] or [N, C, L] with normalized channels; in training it updates the
  /// running statistics. Throws c10::TypeError in strict mode if input, weight or output is not
  /// quantized.
  at::Tensor forward(const at::Tensor& input);
};

/// Holder of QuantizedBatchNorm1dImpl.
TORCH_MODULE(QuantizedBatchNorm1d);

/// torch::nn::BatchNorm2d with quantizers for input, weight, bias and output.
class FF_API QuantizedBatchNorm2dImpl
    : public QuantizedLayer<QuantizedBatchNorm2dImpl, torch::nn::BatchNorm2dImpl, kWeightedPlaces> {
 public:
  using QuantizedLayer::QuantizedLayer;
  /// Returns the input [N, C, H, W] with normalized channels; in training it updates the running
  /// statistics. Throws c10::TypeError in strict mode if input, weight or output is not quantized.
  at::Tensor forward(const at::Tensor& input);
};

/// Holder of QuantizedBatchNorm2dImpl.
TORCH_MODULE(QuantizedBatchNorm2d);

/// Options for QuantizedRMSNorm.
struct FF_API RMSNormOptions {
  /// The sizes of the last axes, over which is normalized.
  RMSNormOptions(std::vector<int64_t> normalized_shape)
      : normalized_shape_(std::move(normalized_shape)) {}

  /// The sizes of the last axes, over which is normalized.
  TORCH_ARG(std::vector<int64_t>, normalized_shape);
  /// Added to the mean of the squares; by default the epsilon of the input's type.
  TORCH_ARG(std::optional<double>, eps) = std::nullopt;
  /// With a weight, ones at first.
  TORCH_ARG(bool, elementwise_affine) = true;
};

namespace detail {

/// The plain layer that LibTorch's C++ lacks: torch.nn.RMSNorm.
class FF_API RMSNormImpl : public torch::nn::Cloneable<RMSNormImpl> {
 public:
  /// With options.
  explicit RMSNormImpl(RMSNormOptions options);
  void reset() override;
  void pretty_print(std::ostream& stream) const override;

  /// What the module was made with.
  RMSNormOptions options;
  /// normalized_shape; undefined if not elementwise_affine.
  at::Tensor weight;
};

}  // namespace detail

/// input / sqrt(mean(input^2) + eps) weight, with quantizers for input, weight and output.
///
/// LibTorch's C++ has the operator, but no module torch::nn::RMSNorm; options and parameter names
/// are those of Python's torch.nn.RMSNorm. Source: arXiv 1910.07467, equation 4.
class FF_API QuantizedRMSNormImpl
    : public QuantizedLayer<QuantizedRMSNormImpl, detail::RMSNormImpl, kUnbiasedPlaces> {
 public:
  using QuantizedLayer::QuantizedLayer;
  /// Returns the input normalized over its last axes. Throws c10::TypeError in strict mode if
  /// input, weight or output is not quantized.
  at::Tensor forward(const at::Tensor& input);
};

/// Holder of QuantizedRMSNormImpl.
TORCH_MODULE(QuantizedRMSNorm);

}  // namespace ff::nn
