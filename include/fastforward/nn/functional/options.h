#pragma once

#include <optional>

#include "fastforward/core/api.h"
#include "fastforward/nn/quantizer.h"

namespace ff::nn::functional {

/// What all functional forms of ff::nn::functional take at the end.
///
/// Each works on any mix of quantized and plain tensors. An implementation of the operator that is
/// registered for quantized arguments (ff::dispatch::register_operator) runs if it takes them; else
/// quantized tensors are dequantized and LibTorch's own function runs on the values, with its
/// gradients. The result goes through `output_quantizer`.
///
///     auto y = ff::nn::functional::linear(x, weight, bias, {.output_quantizer = quantizer});
///
/// In strict mode the operands that a form names as such, and its result, must be quantized: else a
/// c10::TypeError that names the operand. Source: FastForward's fastforward.nn.functional.
struct FF_API FunctionalOptions {
  /// Quantizes the result; empty: the result stays as it is. A result that an implementation gave
  /// quantized is dequantized before, unless this is a QuantizerStub.
  Quantizer output_quantizer = nullptr;
  /// By default strict_quantization(), the mode of the thread.
  std::optional<bool> strict = std::nullopt;
};

}  // namespace ff::nn::functional
