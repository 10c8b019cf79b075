#pragma once

#include <ATen/core/DimVector.h>
#include <ATen/core/Tensor.h>

namespace ff::integer {

/// The strides of a tensor [batch, channels, axes...] whose channels lie together.
at::DimVector channels_last_strides(c10::IntArrayRef sizes);

/// The same codes [batch, channels, axes...], pixel after pixel; the tensor itself where they are.
at::Tensor channels_together(const at::Tensor& codes);

}  // namespace ff::integer
