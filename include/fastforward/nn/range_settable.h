#pragma once

#include <ATen/core/Tensor.h>
#include <c10/util/ArrayRef.h>

#include <functional>
#include <optional>

#include "fastforward/core/api.h"
#include "fastforward/quantization/affine_range.h"
#include "fastforward/tensor/granularity.h"

namespace ff::nn {

/// A quantizer whose parameters can be given as a range. Range setting methods work on this
/// interface.
class FF_API RangeSettable {
 public:
  virtual ~RangeSettable() = default;

  /// Returns which elements share a range.
  virtual Granularity granularity() const = 0;
  /// Returns the range that does not clip, [tiles] each; nothing if no range was set yet.
  virtual std::optional<QuantizationRange> quantization_range() const = 0;
  /// Sets the parameters so that [min, max] does not clip. One min and one max for each tile.
  virtual void set_quantization_range(const at::Tensor& min, const at::Tensor& max) = 0;
};

/// A RangeSettable that can also say, without changing itself, how it would quantize with another
/// range.
class FF_API SupportsRangeBasedOperator : public RangeSettable {
 public:
  /// True if ranges are symmetric around zero (one-sided ranges included).
  virtual bool symmetric() const = 0;
  /// Returns what the quantizer would do to data of shape `data_shape` with the range [min, max].
  /// The operator stays as it is when the quantizer changes.
  virtual std::function<at::Tensor(const at::Tensor&)> operator_for_range(
      const at::Tensor& min, const at::Tensor& max, c10::IntArrayRef data_shape) const = 0;
};

}  // namespace ff::nn
