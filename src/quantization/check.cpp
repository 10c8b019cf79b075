#include "quantization/check.h"

#include <ATen/Dispatch.h>
#include <c10/util/Exception.h>

#include <cmath>
#include <limits>
#include <string_view>

#include "fastforward/tensor/quantized_tensor.h"

namespace ff::check {
namespace {

// Index of the first element for which good(value) is false, -1 if there is none. Devices other
// than CPU are copied.
template <typename Good>
int64_t find_bad(const at::Tensor& values, const Good& good) {
  if (values.is_meta())
    return -1;
  // A view costs more than looking at a few numbers.
  const at::Tensor memory =
      values.is_cpu() && values.is_contiguous() ? values : values.detach().cpu().contiguous();
  int64_t bad = -1;
  AT_DISPATCH_FLOATING_TYPES_AND2(at::kHalf, at::kBFloat16, memory.scalar_type(), "ff::check", [&] {
    const scalar_t* value = memory.const_data_ptr<scalar_t>();
    bool all = true;  // without a branch, so that it is done in vectors
    for (int64_t i = 0; i < memory.numel(); ++i)
      all &= good(static_cast<double>(value[i]));
    if (all)
      return;
    for (int64_t i = 0; i < memory.numel(); ++i) {
      if (!good(static_cast<double>(value[i]))) {
        bad = i;
        return;
      }
    }
  });
  return bad;
}

double at_index(const at::Tensor& values, int64_t index) {
  return values.detach().reshape({-1})[index].item<double>();
}

// Bits of the integers that a type holds exactly, the sign included.
int64_t exact_bits(at::ScalarType dtype) {
  switch (dtype) {
    case at::kChar:
      return 8;
    case at::kShort:
      return 16;
    case at::kInt:
      return 32;
    case at::kLong:
      return 64;
    case at::kBFloat16:
      return 9;
    case at::kHalf:
      return 12;
    case at::kFloat:
      return 25;
    case at::kDouble:
      return 54;
    default:
      return 0;
  }
}

}  // namespace

void num_bits(const std::string& where, int64_t num_bits) {
  TORCH_CHECK_VALUE(num_bits >= 1 && num_bits <= 16, where, ": num_bits is ", num_bits,
                    "; expected 1 to 16.");
}

void codes_dtype(const std::string& where, int64_t num_bits, at::ScalarType dtype) {
  TORCH_CHECK_VALUE(
      exact_bits(dtype) >= num_bits, where, ": ", dtype, " cannot hold codes of ", num_bits,
      " bits, which are signed (",
      exact_bits(dtype) == 0 ? "it is no type for codes"
                             : "it holds " + std::to_string(exact_bits(dtype)) + " bits",
      "); choose int8 up to 8 bits, int16 up to 16, or leave the type to the function.");
}

void parameter_shape(const std::string& where, const char* name, const at::Tensor& parameter,
                     c10::IntArrayRef data_shape, const Granularity& granularity,
                     at::Device device) {
  TORCH_CHECK_TYPE(parameter.defined(), where, ": ", name,
                   " is an undefined tensor; give a tensor.");
  TORCH_CHECK_TYPE(is_floating_type(parameter.scalar_type()) && !is_quantized(parameter), where,
                   ": ", name, " has type ", parameter.scalar_type(),
                   is_quantized(parameter) ? " and is quantized" : "",
                   "; expected a plain tensor of type ", kFloatingTypes, ".");
  TORCH_CHECK_TYPE(parameter.layout() == at::kStrided, where, ": ", name, " has layout ",
                   parameter.layout(), "; expected a strided tensor. Convert it with to_dense().");
  TORCH_CHECK_VALUE(parameter.device() == device, where, ": ", name, " is on ", parameter.device(),
                    ", but the data is on ", device, "; move one of them with to(device).");
  const int64_t needed = granularity.parameter_dimensionality(data_shape);
  TORCH_CHECK_VALUE(parameter.numel() == needed, where, ": ", name, " has shape ",
                    parameter.sizes(), ", but ", granularity, " on data ", data_shape, " needs [",
                    needed, "]; call estimate_ranges() or set a quantization_range of ", needed,
                    needed == 1 ? " value." : " values.");
}

void scale_values(const std::string& where, const at::Tensor& scale) {
  const int64_t bad = find_bad(scale, [](double value) {
    return (value > 0) & (value <= std::numeric_limits<double>::max());
  });
  TORCH_CHECK_VALUE(
      bad < 0, where, ": scale[", bad, "] is ", at_index(scale, bad),
      "; every scale must be finite and greater than 0. ",
      scale.requires_grad()
          ? "If an optimizer has changed it, its steps are too long for scales, which are small: "
            "give the quantizers' parameters a group with a learning rate of its own, about a "
            "hundredth of their size."
          : "Set a quantization_range or estimate it.");
}

void finite_values(const std::string& where, const char* name, const at::Tensor& values) {
  const int64_t bad = find_bad(
      values, [](double value) { return std::abs(value) <= std::numeric_limits<double>::max(); });
  TORCH_CHECK_VALUE(bad < 0, where, ": ", name, "[", bad, "] is ", at_index(values, bad),
                    "; expected finite values.");
}

void range_end(const std::string& where, const char* name, const at::Tensor& values) {
  constexpr double kLargest = std::numeric_limits<float>::max();
  const int64_t bad = find_bad(values, [](double value) { return std::abs(value) <= kLargest; });
  TORCH_CHECK_VALUE(bad < 0, where, ": ", name, "[", bad, "] is ", at_index(values, bad),
                    ", beyond the largest float32 value ", kLargest,
                    "; ranges are float32, scale the data down.");
}

void fits_type(const char* name, const at::Tensor& parameter, at::ScalarType dtype) {
  const at::Tensor kept = parameter.to(dtype);
  const bool is_scale = std::string_view(name) == "scale";
  const int64_t bad = find_bad(
      kept, [&](double value) { return std::isfinite(value) && (value > 0 || !is_scale); });
  TORCH_CHECK_VALUE(bad < 0, "the quantization_range needs ", name, "[", bad,
                    "] = ", at_index(parameter, bad), ", which is ", at_index(kept, bad),
                    " in the param_dtype ", dtype,
                    std::isfinite(at_index(parameter, bad))
                        ? "; choose a wider param_dtype, such as torch::kFloat."
                        : "; the range is too narrow so far from zero, widen it.");
}

}  // namespace ff::check
