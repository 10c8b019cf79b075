#include "fastforward/quantization/affine_range.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/maximum.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros_like.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "fastforward/tensor/quantized_tensor.h"
#include "quantization/check.h"

namespace ff {
namespace {

constexpr const char* kName = "parameters_for_range";
constexpr double kSmallestScale = std::numeric_limits<float>::epsilon();

void check_ranges(const at::Tensor& min, const at::Tensor& max) {
  for (const auto& [name, end] : {std::pair("min", &min), std::pair("max", &max)}) {
    TORCH_CHECK_TYPE(end->defined() && end->is_floating_point() && !is_quantized(*end), kName, ": ",
                     name, " must be a plain floating-point tensor, got ",
                     end->defined() ? toString(end->scalar_type()) : "an undefined one", ".");
  }
  TORCH_CHECK_VALUE(min.sizes() == max.sizes(), kName, ": min has shape ", min.sizes(),
                    ", but max has shape ", max.sizes(),
                    "; give one min and one max for each range.");
  TORCH_CHECK_VALUE(min.device() == max.device(), kName, ": min is on ", min.device(),
                    ", but max is on ", max.device(), "; move one of them with to(device).");
  for (const auto& [name, end] : {std::pair("min", &min), std::pair("max", &max)}) {
    const at::Tensor values = end->scalar_type() == at::kDouble ? *end : end->to(at::kFloat);
    check::finite_values(kName, name, values);
    check::range_end(kName, name, values);
  }
  if (min.is_meta())
    return;
  const at::Tensor reversed = min.gt(max).reshape({-1}).nonzero();
  if (reversed.numel() == 0)
    return;
  const int64_t index = reversed[0][0].item<int64_t>();
  TORCH_CHECK_VALUE(false, kName, ": min[", index, "] is ", min.reshape({-1})[index].item<double>(),
                    ", greater than max[", index, "], which is ",
                    max.reshape({-1})[index].item<double>(), "; give min <= max.");
}

at::Tensor symmetric_scale(const at::Tensor& min, const at::Tensor& max, int64_t num_bits) {
  const at::Tensor below = min.abs() / static_cast<double>(-integer_minimum(num_bits));
  const int64_t largest = integer_maximum(num_bits);
  const at::Tensor above = largest > 0 ? max.abs() / static_cast<double>(largest)
                                       : at::where(min.eq(0), max.abs(), at::zeros_like(max));
  const at::Tensor scale = at::maximum(below, above);
  return at::where(scale.eq(0), kSmallestScale, scale).to(at::kFloat);
}

at::Tensor asymmetric_scale(const at::Tensor& min, const at::Tensor& max, int64_t num_bits) {
  const auto steps = static_cast<double>((int64_t{1} << num_bits) - 1);
  const at::Tensor width = max - min;
  const at::Tensor scale = at::where(width.isinf(), max / steps - min / steps, width / steps);
  return scale.clamp_min(kSmallestScale);
}

// Plain CPU memory of floats that float32 holds.
bool is_float_memory(const at::Tensor& end) {
  return end.defined() && end.is_cpu() && end.layout() == at::kStrided && !is_quantized(end) &&
         (end.scalar_type() == at::kFloat || end.scalar_type() == at::kBFloat16 ||
          end.scalar_type() == at::kHalf);
}

// How one range becomes a scale, in float32, operation by operation as in the tensors' functions
// above.
struct ScaleOfRange {
  float levels_below, levels_above, steps, smallest_code;

  explicit ScaleOfRange(int64_t num_bits)
      : levels_below(static_cast<float>(-integer_minimum(num_bits))),
        levels_above(static_cast<float>(integer_maximum(num_bits))),
        steps(static_cast<float>((int64_t{1} << num_bits) - 1)),
        smallest_code(static_cast<float>(integer_minimum(num_bits))) {}

  float symmetric(float min, float max) const {
    const float below = std::abs(min) / levels_below;
    const float above =
        levels_above > 0 ? std::abs(max) / levels_above : (min == 0 ? std::abs(max) : 0.0F);
    const float scale = std::max(below, above);
    return scale == 0 ? static_cast<float>(kSmallestScale) : scale;
  }
  float asymmetric(float min, float max) const {
    const float width = max - min;
    const float scale = std::isinf(width) ? max / steps - min / steps : width / steps;
    return std::max(scale, static_cast<float>(kSmallestScale));
  }
};

// parameters_for_range on CPU memory, without an operator for each step: estimators and dynamic
// quantization ask for a few ranges, many times. Nothing if a range is bad.
std::optional<AffineParameters> parameters_on_cpu(const at::Tensor& min_range,
                                                  const at::Tensor& max_range, int64_t num_bits,
                                                  const RangeOptions& options) {
  const at::Tensor min_memory = min_range.to(at::kFloat).contiguous(),
                   max_memory = max_range.to(at::kFloat).contiguous();
  const float *min = min_memory.const_data_ptr<float>(), *max = max_memory.const_data_ptr<float>();
  const int64_t n = min_memory.numel();
  bool all_one_sided = true, some_one_sided = false;
  for (int64_t i = 0; i < n; ++i) {
    if (!(std::isfinite(min[i]) && std::isfinite(max[i]) && min[i] <= max[i]))
      return std::nullopt;
    all_one_sided = all_one_sided && min[i] >= 0;
    some_one_sided = some_one_sided || min[i] >= 0;
  }
  const bool one_sided_possible =
      options.allow_one_sided && some_one_sided && (options.one_sided_per_tile || all_one_sided);
  const bool has_offset = !options.symmetric || one_sided_possible;
  const ScaleOfRange scale_of(num_bits);
  AffineParameters parameters = {at::empty(min_range.sizes(), at::kFloat), std::nullopt};
  if (has_offset)
    parameters.offset = at::empty(min_range.sizes(), at::kFloat);
  float* scale = parameters.scale.mutable_data_ptr<float>();
  float* offset = has_offset ? parameters.offset->mutable_data_ptr<float>() : nullptr;
  for (int64_t i = 0; i < n; ++i) {
    if (!options.symmetric) {
      scale[i] = scale_of.asymmetric(min[i], max[i]);
      offset[i] = min[i] / scale[i] - scale_of.smallest_code;
      continue;
    }
    const bool one_sided = one_sided_possible && min[i] >= 0;
    scale[i] = one_sided ? scale_of.asymmetric(0, max[i]) : scale_of.symmetric(min[i], max[i]);
    if (has_offset)
      offset[i] = one_sided ? -scale_of.smallest_code : 0.0F;
  }
  return parameters;
}

}  // namespace

int64_t integer_minimum(int64_t num_bits) {
  check::num_bits("integer_minimum", num_bits);
  return -(int64_t{1} << (num_bits - 1));
}

int64_t integer_maximum(int64_t num_bits) {
  check::num_bits("integer_maximum", num_bits);
  return (int64_t{1} << (num_bits - 1)) - 1;
}

AffineParameters parameters_for_range(const at::Tensor& min_range, const at::Tensor& max_range,
                                      int64_t num_bits, const RangeOptions& options) {
  check::num_bits(kName, num_bits);
  const at::NoGradGuard no_grad;
  if (is_float_memory(min_range) && is_float_memory(max_range) &&
      min_range.sizes() == max_range.sizes()) {
    std::optional<AffineParameters> parameters =
        parameters_on_cpu(min_range, max_range, num_bits, options);
    if (parameters.has_value())
      return *std::move(parameters);
  }
  check_ranges(min_range, max_range);
  at::Tensor min = min_range.to(at::kFloat);
  const at::Tensor max = max_range.to(at::kFloat);
  const auto smallest_code = static_cast<double>(integer_minimum(num_bits));
  at::Tensor one_sided = min.ge(0);
  if (!options.one_sided_per_tile)
    one_sided = one_sided.all().expand_as(min);
  if (!options.symmetric) {
    const at::Tensor scale = asymmetric_scale(min, max, num_bits);
    return {scale, min / scale - smallest_code};
  }
  const at::Tensor two_sided_scale = symmetric_scale(min, max, num_bits);
  if (!options.allow_one_sided || (!min.is_meta() && !one_sided.any().item<bool>())) {
    return {two_sided_scale, std::nullopt};
  }
  const at::Tensor one_sided_scale = asymmetric_scale(at::zeros_like(min), max, num_bits);
  return {at::where(one_sided, one_sided_scale, two_sided_scale),
          at::where(one_sided, -smallest_code, at::zeros_like(min)).to(at::kFloat)};
}

QuantizationRange quantization_range(const at::Tensor& scale,
                                     const std::optional<at::Tensor>& offset, int64_t num_bits) {
  const auto low = static_cast<double>(integer_minimum(num_bits));
  const auto high = static_cast<double>(integer_maximum(num_bits));
  if (!offset.has_value())
    return {scale * low, scale * high};
  TORCH_CHECK_VALUE(scale.sizes() == offset->sizes(), "quantization_range: scale has shape ",
                    scale.sizes(), ", but offset has shape ", offset->sizes(),
                    "; they must be equal.");
  return {(low + *offset) * scale, (high + *offset) * scale};
}

}  // namespace ff
