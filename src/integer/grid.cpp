#include "integer/grid.h"

#include <c10/util/StringUtil.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/quick_cast.h"
#include "fastforward/quantization/affine.h"
#include "fastforward/quantization/bound_arguments.h"
#include "fastforward/tensor/quantized_tensor.h"
#include "tensor/quantized_tensor_impl.h"

namespace ff::integer {
namespace {

using Affine = detail::BoundArguments<AffineQuantizationFunction>;

struct Parameters {
  const at::Tensor& scale;
  const at::Tensor* offset;
  const Granularity& granularity;
  int64_t num_bits;
  at::ScalarType codes;
};

// Null for another function.
std::optional<Parameters> parameters_of(const BoundQuantizationFunction& function) {
  const auto* affine = quick_cast<const Affine>(&function.implementation());
  if (affine == nullptr)
    return std::nullopt;
  const auto& [scale, offset, granularity, num_bits, codes_dtype] = affine->tuple();
  const bool has_offset = offset.has_value() && offset->defined();
  return Parameters{scale, has_offset ? &*offset : nullptr, granularity, num_bits,
                    codes_dtype.value_or(at::kChar)};
}

std::string no_affine(const BoundQuantizationFunction& function) {
  return "it is quantized by " + function.name() + ", and integers take affine grids only";
}

double number_at(const at::Tensor& tensor, int64_t index) {
  if (tensor.scalar_type() == at::kFloat)
    return static_cast<const float*>(tensor.const_data_ptr())[index];
  return tensor.reshape({-1})[index].item<double>();
}

// As AffineQuantizationFunction rounds it.
double zero_of(const Parameters& parameters, int64_t tile) {
  if (parameters.offset == nullptr)
    return 0;
  const bool is_float = parameters.offset->scalar_type() != at::kDouble;
  const double offset = number_at(*parameters.offset, tile);
  return is_float ? std::nearbyintf(static_cast<float>(offset)) : std::nearbyint(offset);
}

// True if each index of an axis has a tile of its own, as the kernels take it.
bool is_for_each(const Granularity& granularity, int64_t axis) {
  const auto* channels = std::get_if<PerChannel>(&granularity.kind());
  return channels != nullptr && channels->axes.size() == 1 && channels->axes[0] == axis;
}

std::string check_codes(at::ScalarType type) {
  if (type == at::kChar)
    return "";
  return c10::str("its codes have type ", type, ", and integers take 8 bits at most");
}

std::string check_tensor(const at::Tensor& tensor) {
  if (tensor.scalar_type() != at::kFloat)
    return c10::str("its values have type ", tensor.scalar_type(), ", and integers give Float");
  if (!tensor.device().is_cpu())
    return c10::str("it is on ", tensor.device(), ", and integers run on the CPU");
  return check_codes(as_quantized(tensor)->codes_dtype());
}

std::string check_parameters(const Parameters& parameters) {
  if (parameters.num_bits > 8)
    return c10::str("it has ", parameters.num_bits, " bits, and integers take 8 at most");
  return check_codes(parameters.codes);
}

}  // namespace

std::optional<int8_t> Grid::code_of_zero() const {
  if (-zero < low || -zero > high)
    return std::nullopt;
  return static_cast<int8_t>(-zero);
}

int32_t Grid::code_of(float value) const {
  const float position = std::nearbyintf(value / scale - static_cast<float>(zero));
  return static_cast<int32_t>(
      std::clamp(position, static_cast<float>(low), static_cast<float>(high)));
}

std::string why_no_codes(const BoundQuantizationFunction& function) {
  const std::optional<Parameters> parameters = parameters_of(function);
  return parameters.has_value() ? check_parameters(*parameters) : no_affine(function);
}

GridOrReason grid_of(const BoundQuantizationFunction& function) {
  const std::optional<Parameters> parameters = parameters_of(function);
  if (!parameters.has_value())
    return {std::nullopt, no_affine(function)};
  if (std::string why_not = check_parameters(*parameters); !why_not.empty())
    return {std::nullopt, std::move(why_not)};
  const auto& [scale, offset, granularity, num_bits, codes] = *parameters;
  if (scale.numel() != 1)
    return {std::nullopt,
            c10::str("it has ", scale.numel(), " scales, and integers take one for an activation")};
  if (!scale.device().is_cpu())
    return {std::nullopt,
            c10::str("its scale is on ", scale.device(), ", and integers run on the CPU")};
  constexpr double kLargestZero = 1 << 22;
  const double zero = zero_of(*parameters, 0);
  if (!(std::abs(zero) <= kLargestZero))
    return {std::nullopt, c10::str("its offset is ", zero, ", too far for sums of 32 bits")};
  const int32_t half = 1 << (num_bits - 1);
  return {
      Grid{static_cast<float>(number_at(scale, 0)), static_cast<int32_t>(zero), -half, half - 1},
      ""};
}

GridOrReason grid_of(const at::Tensor& tensor) {
  std::string why_not = check_tensor(tensor);
  if (!why_not.empty())
    return {std::nullopt, std::move(why_not)};
  return grid_of(as_quantized(tensor)->function());
}

std::optional<Grid> grid_of(const dispatch::WantedOutput& output) {
  if (output.function == nullptr)
    return std::nullopt;
  std::optional<Grid> grid = grid_of(*output.function).grid;
  if (grid.has_value()) {
    const int32_t low = grid->code_of(output.minimum), high = grid->code_of(output.maximum);
    grid->low = low;
    grid->high = high;
  }
  return grid;
}

WeightScales weight_scales(const at::Tensor& weight, int64_t axis) {
  std::string why_not = check_tensor(weight);
  if (!why_not.empty())
    return {{}, std::move(why_not)};
  const BoundQuantizationFunction& function = as_quantized(weight)->function();
  const std::optional<Parameters> parameters = parameters_of(function);
  if (!parameters.has_value())
    return {{}, no_affine(function)};
  const int64_t tiles = parameters->scale.numel();
  const at::Tensor& scale = parameters->scale;
  if (tiles != 1 && !is_for_each(parameters->granularity, axis)) {
    const std::vector<int64_t> tile = parameters->granularity.tile_size(weight.sizes());
    for (int64_t i = 0; i < weight.dim(); ++i) {
      const int64_t expected = i == axis ? 1 : weight.size(i);
      if (tile[static_cast<size_t>(i)] != expected)
        return {{},
                c10::str("its scales are for tiles of shape ", c10::IntArrayRef(tile),
                         ", and integers take one scale, or one for each output channel")};
    }
  }
  for (int64_t i = 0; parameters->offset != nullptr && i < tiles; ++i) {
    if (zero_of(*parameters, i) != 0)
      return {{}, "it has an offset, and integers take symmetric weights"};
  }
  const bool is_taken = scale.scalar_type() == at::kFloat || scale.scalar_type() == at::kDouble;
  return {(is_taken ? scale : scale.to(at::kFloat)).contiguous(), ""};
}

}  // namespace ff::integer
