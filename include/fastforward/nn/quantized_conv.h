#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/modules/conv.h>

#include <optional>

#include "fastforward/core/api.h"
#include "fastforward/nn/quantized_layer.h"

namespace ff::nn {

/// torch::nn::Conv1d with quantizers for input, weight, bias and output. All padding modes work.
/// Source: FastForward's QuantizedConv1d.
class FF_API QuantizedConv1dImpl
    : public QuantizedLayer<QuantizedConv1dImpl, torch::nn::Conv1dImpl, kWeightedPlaces> {
 public:
  using QuantizedLayer::QuantizedLayer;
  /// Returns the convolution. Throws c10::TypeError in strict mode if input, weight or output is
  /// not quantized.
  at::Tensor forward(const at::Tensor& input);
};

/// Holder of QuantizedConv1dImpl.
TORCH_MODULE(QuantizedConv1d);

/// torch::nn::Conv2d with quantizers for input, weight, bias and output. All padding modes work.
class FF_API QuantizedConv2dImpl
    : public QuantizedLayer<QuantizedConv2dImpl, torch::nn::Conv2dImpl, kWeightedPlaces> {
 public:
  using QuantizedLayer::QuantizedLayer;
  /// Returns the convolution. Throws c10::TypeError in strict mode if input, weight or output is
  /// not quantized.
  at::Tensor forward(const at::Tensor& input);
};

/// Holder of QuantizedConv2dImpl.
TORCH_MODULE(QuantizedConv2d);

/// torch::nn::Conv3d with quantizers for input, weight, bias and output. All padding modes work.
class FF_API QuantizedConv3dImpl
    : public QuantizedLayer<QuantizedConv3dImpl, torch::nn::Conv3dImpl, kWeightedPlaces> {
 public:
  using QuantizedLayer::QuantizedLayer;
  /// Returns the convolution. Throws c10::TypeError in strict mode if input, weight or output is
  /// not quantized.
  at::Tensor forward(const at::Tensor& input);
};

/// Holder of QuantizedConv3dImpl.
TORCH_MODULE(QuantizedConv3d);

/// torch::nn::ConvTranspose1d with quantizers for input, weight, bias and output.
class FF_API QuantizedConvTranspose1dImpl
    : public QuantizedLayer<QuantizedConvTranspose1dImpl, torch::nn::ConvTranspose1dImpl,
                            kWeightedPlaces> {
 public:
  using QuantizedLayer::QuantizedLayer;
  /// Returns the transposed convolution, of the size `output_size` if given (its spatial axes, or
  /// all axes). Throws c10::ValueError for a size that it cannot have, c10::NotImplementedError for
  /// another padding mode than zeros, c10::TypeError in strict mode if input, weight or output is
  /// not quantized.
  at::Tensor forward(const at::Tensor& input,
                     const std::optional<at::IntArrayRef>& output_size = std::nullopt);
};

/// Holder of QuantizedConvTranspose1dImpl.
TORCH_MODULE(QuantizedConvTranspose1d);

/// torch::nn::ConvTranspose2d with quantizers for input, weight, bias and output.
class FF_API QuantizedConvTranspose2dImpl
    : public QuantizedLayer<QuantizedConvTranspose2dImpl, torch::nn::ConvTranspose2dImpl,
                            kWeightedPlaces> {
 public:
  using QuantizedLayer::QuantizedLayer;
  /// Returns the transposed convolution, of the size `output_size` if given (its spatial axes, or
  /// all axes). Throws c10::ValueError for a size that it cannot have, c10::NotImplementedError for
  /// another padding mode than zeros, c10::TypeError in strict mode if input, weight or output is
  /// not quantized.
  at::Tensor forward(const at::Tensor& input,
                     const std::optional<at::IntArrayRef>& output_size = std::nullopt);
};

/// Holder of QuantizedConvTranspose2dImpl.
TORCH_MODULE(QuantizedConvTranspose2d);

/// torch::nn::ConvTranspose3d with quantizers for input, weight, bias and output.
class FF_API QuantizedConvTranspose3dImpl
    : public QuantizedLayer<QuantizedConvTranspose3dImpl, torch::nn::ConvTranspose3dImpl,
                            kWeightedPlaces> {
 public:
  using QuantizedLayer::QuantizedLayer;
  /// Returns the transposed convolution, of the size `output_size` if given (its spatial axes, or
  /// all axes). Throws c10::ValueError for a size that it cannot have, c10::NotImplementedError for
  /// another padding mode than zeros, c10::TypeError in strict mode if input, weight or output is
  /// not quantized.
  at::Tensor forward(const at::Tensor& input,
                     const std::optional<at::IntArrayRef>& output_size = std::nullopt);
};

/// Holder of QuantizedConvTranspose3dImpl.
TORCH_MODULE(QuantizedConvTranspose3d);

}  // namespace ff::nn
