#pragma once

#include <ATen/core/DimVector.h>
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <string>

#include "dispatch/output_scope.h"
#include "dispatch/registry.h"
#include "integer/product.h"

namespace ff::integer {

/// The geometry of a convolution over any number of axes; a linear layer has none.
struct Window {
  /// One number for each axis.
  at::DimVector stride, padding, dilation;
  /// Independent groups of channels.
  int64_t groups = 1;
};

/// The convolution of codes [batch, channels, axes...] with a weight [channels, depth, axes...],
/// prepared, or why it has no integer form: a quantized tensor where `output` has a grid for it,
/// else values. Channels lie together in memory. `bias` may be undefined.
dispatch::RunOrReason prepare_convolution(const at::Tensor& input, const at::Tensor& weight,
                                          const at::Tensor& bias, const Window& window,
                                          const dispatch::WantedOutput& output);

/// The sums of a product over all windows of `sizes` of codes [batch, channels, axes...].
at::Tensor windows(const Product& product, const at::Tensor& input, c10::IntArrayRef sizes,
                   const Window& window, const dispatch::WantedOutput& output);

/// The linear layer of codes [..., depth] and a weight [channels, depth], as prepare_convolution.
dispatch::RunOrReason prepare_linear(const at::Tensor& input, const at::Tensor& weight,
                                     const at::Tensor& bias, const dispatch::WantedOutput& output);

}  // namespace ff::integer
