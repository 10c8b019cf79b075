#pragma once

#include <ATen/core/Tensor.h>

#include "benchmark.h"
#include "compare.h"
#include "problem.h"

namespace bench {

/// torch.fake_quantize_per_tensor_affine, or _per_channel_affine where the problem has channels.
Answer torch_fake_quantize(const Problem& problem);

/// The formula in ATen operators, its result in shape `shape`.
Answer formula_peer(const Problem& problem, c10::IntArrayRef shape);

/// LibTorch multiplies by the reciprocal of the scale where we divide, so that next to a tie a code
/// can round to the other side. Up to 3 values in 100,000 may be one step away (of this data 0.4
/// are), all others are equal.
Tolerance one_step(const Problem& problem);

}  // namespace bench
