#pragma once

#include <ATen/core/DimVector.h>
#include <ATen/core/Tensor.h>

#include <cstdint>

#include "fastforward/tensor/bound_function.h"

namespace ff::integer {

/// The codes [batch, channels, axes...] of images with a border of one code around them. A
/// convolution needs no copy with the border: it looks there anyway.
struct PaddedCodes {
  /// Without the border.
  at::Tensor inner;
  /// The code of the border.
  int8_t fill;
  /// For each axis of the image, how wide the border is in front of it and behind it.
  at::DimVector before, after;
};

/// A quantized tensor of these codes, with channels that lie together; they are put together when
/// somebody else than a convolution asks for them.
at::Tensor padded_tensor(PaddedCodes codes, const BoundQuantizationFunction& function);

/// What a tensor of padded_tensor was made of; null for others.
const PaddedCodes* padded_codes(const at::Tensor& tensor);

/// True if a padding, as aten::constant_pad_nd takes it, is a border around images.
bool is_border(const at::Tensor& codes, c10::IntArrayRef padding);

}  // namespace ff::integer
