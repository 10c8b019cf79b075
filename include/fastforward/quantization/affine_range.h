#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>

#include "fastforward/core/api.h"

namespace ff {

/// Returns the smallest code of `num_bits` bits: -2^(num_bits-1). Throws c10::ValueError unless
/// num_bits is in 1..16.
FF_API int64_t integer_minimum(int64_t num_bits);

/// Returns the largest code of `num_bits` bits: 2^(num_bits-1) - 1. Throws c10::ValueError unless
/// num_bits is in 1..16.
FF_API int64_t integer_maximum(int64_t num_bits);

/// A scale and an offset for each range. No offset means 0.
struct FF_API AffineParameters {
  /// float32, > 0, of the ranges' shape.
  at::Tensor scale;
  /// float32, of the ranges' shape, not rounded.
  std::optional<at::Tensor> offset;
};

/// The smallest and the largest value that do not clip.
struct FF_API QuantizationRange {
  /// The lower thresholds.
  at::Tensor min;
  /// The upper thresholds.
  at::Tensor max;
};

/// How parameters_for_range treats ranges.
struct FF_API RangeOptions {
  /// True: zero is the middle of the grid (no offset), the range is widened to be as far below as
  /// above zero.
  bool symmetric = true;
  /// True: symmetric ranges without negative values use the whole grid for [0, max] (offset
  /// 2^(num_bits-1)).
  bool allow_one_sided = true;
  /// True: one-sidedness is decided for each range; false: for all together, as FastForward does.
  bool one_sided_per_tile = false;
};

/// Returns the scale and offset whose grid represents the ranges [min, max] with `num_bits` bits.
///
/// Symmetric: scale = max(|min| / 2^(b-1), |max| / (2^(b-1) - 1)), no offset. Else, and for
/// one-sided ranges with min = 0: scale = max((max - min) / (2^b - 1), eps), offset = min / scale +
/// 2^(b-1), so that min and max are half a step inside the outermost codes' cells. Computed in
/// float32, on the device of `min`. With 1 bit the positive half has no code but 0 and the
/// symmetric scale is |min| (or |max| where min is 0).
///
/// Symmetric ranges of zero width get scale eps = 2^-23 (FastForward: 0, and then NaN). An infinite
/// width max - min of finite ends is computed in halves. Throws c10::ValueError if shapes differ,
/// min > max, or an end is NaN, infinite or beyond float32 (with its index), or num_bits is not
/// in 1..16. Source: FastForward's parameters_for_range; arXiv:2106.08295.
FF_API AffineParameters parameters_for_range(const at::Tensor& min, const at::Tensor& max,
                                             int64_t num_bits, const RangeOptions& options = {});

/// Returns the range that `num_bits` bits represent: (-2^(b-1) + offset) * scale and (2^(b-1) - 1 +
/// offset) * scale.
///
/// The offset is not rounded here, as in FastForward. Shapes of scale and offset must be equal.
FF_API QuantizationRange quantization_range(const at::Tensor& scale,
                                            const std::optional<at::Tensor>& offset,
                                            int64_t num_bits);

}  // namespace ff
