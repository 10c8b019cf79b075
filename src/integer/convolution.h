#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "dispatch/output_scope.h"
#include "integer/product.h"

namespace ff::integer {

/// The geometry of a convolution over any number of axes; a linear layer has none.
struct Window {
  /// One number for each axis.
  std::vector<int64_t> stride, padding, dilation;
  /// Independent groups of channels.
  int64_t groups = 1;
};

/// Why a linear layer or convolution of these tensors has no integer form; nothing if it has one.
/// `bias` may be undefined.
std::optional<std::string> why_no_product(const at::Tensor& input, const at::Tensor& weight,
                                          const at::Tensor& bias, const Window& window,
                                          const dispatch::WantedOutput& output);

/// The convolution of codes [batch, channels, axes...] with a weight [channels, depth, axes...]: a
/// quantized tensor where `output` has a grid for it, else values. Channels lie together in memory.
at::Tensor convolution(const at::Tensor& input, const at::Tensor& weight, const at::Tensor& bias,
                       const Window& window, const dispatch::WantedOutput& output);

/// The sums of a product over all windows of `sizes` of codes [batch, channels, axes...].
at::Tensor windows(const Product& product, const at::Tensor& input, c10::IntArrayRef sizes,
                   const Window& window, const dispatch::WantedOutput& output);

/// The linear layer of codes [..., depth] and a weight [channels, depth].
at::Tensor linear(const at::Tensor& input, const at::Tensor& weight, const at::Tensor& bias,
                  const dispatch::WantedOutput& output);

}  // namespace ff::integer
