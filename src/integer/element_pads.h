#pragma once

#include <ATen/PadNd.h>
#include <ATen/core/Tensor.h>

#include "dispatch/registry.h"
#include "fastforward/tensor/bound_function.h"

namespace ff::integer {

/// The function of a quantized tensor that is padded; its own where LibTorch refuses such a
/// padding.
BoundQuantizationFunction::Restructured padded_function(const at::Tensor& self,
                                                        c10::IntArrayRef padding);

/// A pad whose border are elements of the tensor (reflect, replicate, circular), prepared: it only
/// moves codes, so that they are those of the simulation. `axes`: how many are padded; 0 for one to
/// three.
dispatch::RunOrReason prepare_element_pad(const dispatch::OperatorCall& call, at::padding_mode mode,
                                          int64_t axes);

}  // namespace ff::integer
