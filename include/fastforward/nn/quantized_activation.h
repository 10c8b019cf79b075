#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/cloneable.h>
#include <torch/nn/modules/activation.h>

#include "fastforward/core/api.h"
#include "fastforward/nn/quantized_layer.h"

/// Activations with quantizers for input and output.
///
/// Where LibTorch's options have `inplace` it is set to false, as in FastForward: a quantized
/// tensor is never changed in place.
namespace ff::nn {

/// torch::nn::ReLU with quantizers for input and output.
class FF_API QuantizedReLUImpl
    : public QuantizedLayer<QuantizedReLUImpl, torch::nn::ReLUImpl, kActivationPlaces> {
 public:
  using QuantizedLayer::QuantizedLayer;
  /// Returns max(input, 0). Throws c10::TypeError in strict mode if input or output is not
  /// quantized.
  at::Tensor forward(const at::Tensor& input);
};

/// Holder of QuantizedReLUImpl.
TORCH_MODULE(QuantizedReLU);

/// torch::nn::ReLU6 with quantizers for input and output.
class FF_API QuantizedReLU6Impl
    : public QuantizedLayer<QuantizedReLU6Impl, torch::nn::ReLU6Impl, kActivationPlaces> {
 public:
  using QuantizedLayer::QuantizedLayer;
  /// Returns min(max(input, 0), 6). Throws c10::TypeError in strict mode if input or output is not
  /// quantized.
  at::Tensor forward(const at::Tensor& input);
};

/// Holder of QuantizedReLU6Impl.
TORCH_MODULE(QuantizedReLU6);

/// torch::nn::SiLU with quantizers for input and output.
class FF_API QuantizedSiLUImpl
    : public QuantizedLayer<QuantizedSiLUImpl, torch::nn::SiLUImpl, kActivationPlaces> {
 public:
  using QuantizedLayer::QuantizedLayer;
  /// Returns input sigmoid(input). Throws c10::TypeError in strict mode if input or output is not
  /// quantized.
  at::Tensor forward(const at::Tensor& input);
};

/// Holder of QuantizedSiLUImpl.
TORCH_MODULE(QuantizedSiLU);

/// torch::nn::GELU with quantizers for input and output.
class FF_API QuantizedGELUImpl
    : public QuantizedLayer<QuantizedGELUImpl, torch::nn::GELUImpl, kActivationPlaces> {
 public:
  using QuantizedLayer::QuantizedLayer;
  /// Returns input Phi(input), exactly or approximated as the options say. Throws c10::TypeError in
  /// strict mode if input or output is not quantized.
  at::Tensor forward(const at::Tensor& input);
};

/// Holder of QuantizedGELUImpl.
TORCH_MODULE(QuantizedGELU);

/// torch::nn::Sigmoid with quantizers for input and output.
class FF_API QuantizedSigmoidImpl
    : public QuantizedLayer<QuantizedSigmoidImpl, torch::nn::SigmoidImpl, kActivationPlaces> {
 public:
  using QuantizedLayer::QuantizedLayer;
  /// Returns 1 / (1 + exp(-input)). Throws c10::TypeError in strict mode if input or output is not
  /// quantized.
  at::Tensor forward(const at::Tensor& input);
};

/// Holder of QuantizedSigmoidImpl.
TORCH_MODULE(QuantizedSigmoid);

/// torch::nn::Tanh with quantizers for input and output.
class FF_API QuantizedTanhImpl
    : public QuantizedLayer<QuantizedTanhImpl, torch::nn::TanhImpl, kActivationPlaces> {
 public:
  using QuantizedLayer::QuantizedLayer;
  /// Returns tanh(input). Throws c10::TypeError in strict mode if input or output is not quantized.
  at::Tensor forward(const at::Tensor& input);
};

/// Holder of QuantizedTanhImpl.
TORCH_MODULE(QuantizedTanh);

/// torch::nn::LeakyReLU with quantizers for input and output.
class FF_API QuantizedLeakyReLUImpl
    : public QuantizedLayer<QuantizedLeakyReLUImpl, torch::nn::LeakyReLUImpl, kActivationPlaces> {
 public:
  using QuantizedLayer::QuantizedLayer;
  /// Returns max(input, 0) + negative_slope min(input, 0). Throws c10::TypeError in strict mode if
  /// input or output is not quantized.
  at::Tensor forward(const at::Tensor& input);
};

/// Holder of QuantizedLeakyReLUImpl.
TORCH_MODULE(QuantizedLeakyReLU);

/// torch::nn::Softmax with quantizers for input and output.
class FF_API QuantizedSoftmaxImpl
    : public QuantizedLayer<QuantizedSoftmaxImpl, torch::nn::SoftmaxImpl, kActivationPlaces> {
 public:
  using QuantizedLayer::QuantizedLayer;
  /// Returns exp(input) / sum(exp(input)) along the axis of the options. Throws c10::TypeError in
  /// strict mode if input or output is not quantized.
  at::Tensor forward(const at::Tensor& input);
};

/// Holder of QuantizedSoftmaxImpl.
TORCH_MODULE(QuantizedSoftmax);

namespace detail {

/// The plain layer that LibTorch's C++ lacks: torch.nn.Hardswish.
class FF_API HardswishImpl : public torch::nn::Cloneable<HardswishImpl> {
 public:
  void reset() override {}
  void pretty_print(std::ostream& stream) const override;
};

}  // namespace detail

/// Hardswish with quantizers for input and output. LibTorch has no module torch::nn::Hardswish;
/// this is Python's torch.nn.Hardswish.
class FF_API QuantizedHardswishImpl
    : public QuantizedLayer<QuantizedHardswishImpl, detail::HardswishImpl, kActivationPlaces> {
 public:
  using QuantizedLayer::QuantizedLayer;
  /// Returns input relu6(input + 3) / 6. Throws c10::TypeError in strict mode if input or output is
  /// not quantized.
  at::Tensor forward(const at::Tensor& input);
};

/// Holder of QuantizedHardswishImpl.
TORCH_MODULE(QuantizedHardswish);

}  // namespace ff::nn
