#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/modules/linear.h>

#include "fastforward/core/api.h"
#include "fastforward/nn/quantized_layer.h"

namespace ff::nn {

/// torch::nn::Linear with quantizers for input, weight, bias and output.
///
///     ff::nn::QuantizedLinear fc(torch::nn::LinearOptions(784, 10).bias(false));
///
/// Source: FastForward's QuantizedLinear.
class FF_API QuantizedLinearImpl
    : public QuantizedLayer<QuantizedLinearImpl, torch::nn::LinearImpl, kWeightedPlaces> {
 public:
  using QuantizedLayer::QuantizedLayer;
  /// Returns the output for `input` [..., in_features]. Throws c10::TypeError in strict mode if
  /// input, weight or output is not quantized.
  at::Tensor forward(const at::Tensor& input);
};

/// Holder of QuantizedLinearImpl.
TORCH_MODULE(QuantizedLinear);

}  // namespace ff::nn
