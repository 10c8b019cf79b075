#include "fastforward/quantization/affine_range.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/maximum.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros_like.h>
#include <c10/util/Exception.h>

#include <limits>

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
  check_ranges(min_range, max_range);
  const at::NoGradGuard no_grad;
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
