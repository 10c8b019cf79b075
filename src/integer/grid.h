#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "dispatch/output_scope.h"
#include "fastforward/tensor/bound_function.h"

namespace ff::integer {

/// One grid for a whole tensor, with codes of 8 bits or less: value = (code + zero) * scale.
struct Grid {
  /// > 0.
  float scale;
  /// The rounded offset.
  int32_t zero;
  /// The least code.
  int32_t low;
  /// The greatest code.
  int32_t high;

  /// The code of value 0, if there is one.
  std::optional<int8_t> code_of_zero() const;
  /// The code of a value, as quantizing gives it.
  int32_t code_of(float value) const;
};

/// Reasons of many forms.
inline constexpr const char* kIntegersAreOff =
    "integers are off; turn them on with ff::IntegerGuard";
/// The same.
inline constexpr const char* kNoOutputGrid = "its result is not put on a grid of 8 bits or less";

/// A grid, or the reason why there is none that integers can use.
struct GridOrReason {
  /// Absent if there is none.
  std::optional<Grid> grid;
  /// Why.
  std::string why_not;
};

/// Why integers take no codes of a function, whatever its scales are; empty if they do.
std::string why_no_codes(const BoundQuantizationFunction& function);
/// The grid of activations quantized by `function`.
GridOrReason grid_of(const BoundQuantizationFunction& function);
/// The grid of a tensor: quantized by such a function, float32 values, int8 codes, on the CPU.
GridOrReason grid_of(const at::Tensor& tensor);
/// The grid of an operator's result, and its codes' bounds made narrower by what clamps it; nothing
/// if it is not quantized, or not for integers.
std::optional<Grid> grid_of(const dispatch::WantedOutput& output);

/// A scale for each index of an axis, or one for all, without offset.
struct WeightScales {
  /// One element, or one for each index: float or double, contiguous.
  at::Tensor scales;
  /// Why integers cannot use them; else empty.
  std::string why_not;
};

/// The scales of a weight with its output channels along `axis`.
WeightScales weight_scales(const at::Tensor& weight, int64_t axis);

}  // namespace ff::integer
