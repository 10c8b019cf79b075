#include "nn/linear_state.h"

#include <c10/util/Exception.h>

#include "quantization/check.h"

namespace ff::nn {
namespace {

void check_type(const char* name, const at::Tensor& parameter) {
  TORCH_CHECK_VALUE(check::is_floating_type(parameter.scalar_type()), "the saved ", name, " is ",
                    parameter.scalar_type(), "; expected ", check::kFloatingTypes, ".");
}

}  // namespace

void check_linear_state(const at::Tensor& scale, const at::Tensor& offset,
                        const Granularity& granularity,
                        const std::optional<std::vector<int64_t>>& data_shape) {
  check_type("scale", scale);
  TORCH_CHECK_VALUE(scale.dim() == 1 && (scale.numel() <= 1 || !granularity.is_per_tensor()),
                    "the saved scale has shape ", scale.sizes(), ", but ", granularity,
                    granularity.is_per_tensor() ? " needs [1]" : " needs one axis",
                    "; give this quantizer the granularity that the saved one had.");
  if (data_shape.has_value() && scale.numel() > 0) {
    const int64_t needed = granularity.parameter_dimensionality(*data_shape);
    TORCH_CHECK_VALUE(scale.numel() == needed, "the saved scale has shape ", scale.sizes(),
                      ", but ", granularity, " on data ", at::IntArrayRef(*data_shape), " needs [",
                      needed, "].");
  }
  check::scale_values("the saved state", scale);
  if (!offset.defined())
    return;
  check_type("offset", offset);
  TORCH_CHECK_VALUE(offset.sizes() == scale.sizes(), "the saved offset has shape ", offset.sizes(),
                    ", but the saved scale has ", scale.sizes(), "; expected the same.");
  check::finite_values("the saved state", "offset", offset);
}

}  // namespace ff::nn
