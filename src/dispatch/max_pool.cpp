#include <ATen/TensorOperators.h>

#include <algorithm>
#include <numeric>

#include "dispatch/boxed.h"
#include "dispatch/builtin.h"
#include "dispatch/max_of_codes.h"
#include "dispatch/registry.h"
#include "fastforward/tensor/quantized_tensor.h"

namespace ff::dispatch {
namespace {

std::vector<int64_t> pooled_axes(const at::Tensor& self, int64_t spatial) {
  std::vector<int64_t> axes(spatial);
  std::iota(axes.begin(), axes.end(), self.dim() - spatial);
  return axes;
}

BoundQuantizationFunction::Restructured pooled_function(const at::Tensor& self,
                                                        const at::Tensor& pooled, int64_t spatial) {
  return bound_function(self).restructure({StructuralChange::Resize{pooled_axes(self, spatial)},
                                           self.sizes().vec(), pooled.sizes().vec()});
}

struct Pooled {
  at::Tensor codes;
  at::Tensor carrier;  // undefined if self has none
};

// The floating-point type in which codes of a type are compared: LibTorch has no max_pool for
// 16-bit integers. Nothing if there is none.
std::optional<at::ScalarType> compared_type(at::ScalarType codes) {
  switch (codes) {
    case at::kBool:
    case at::kByte:
    case at::kChar:
    case at::kShort:
    case at::kHalf:
    case at::kBFloat16:
    case at::kFloat:
      return at::kFloat;
    case at::kInt:
    case at::kLong:
    case at::kDouble:
      return at::kDouble;
    default:
      return std::nullopt;
  }
}

std::optional<std::string> needs_exact_codes(const at::Tensor& codes) {
  const at::ScalarType type = codes.scalar_type();
  if (!compared_type(type).has_value())
    return c10::str("its codes have type ", type, ", of which there is no maximum");
  constexpr int64_t kExact = int64_t{1} << 53;  // double holds every integer up to here
  if (type == at::kLong && !codes.is_meta() &&
      codes.gt(kExact).logical_or(codes.lt(-kExact)).any().item<bool>()) {
    return c10::str("its codes have type ", type,
                    " and go beyond 2^53, which max_pool cannot compare exactly");
  }
  return std::nullopt;
}

// Counts the windows; false if LibTorch refuses such ones.
bool count_windows(PoolAxis& axis, bool ceil_mode) {
  constexpr int64_t kMost = int64_t{1} << 31;  // LibTorch's kernels count with 32 bits
  if (std::min({axis.in, axis.window, axis.stride, axis.dilation, axis.padding + 1}) < 1 ||
      std::max({axis.in, axis.window, axis.stride, axis.dilation}) >= kMost)
    return false;
  const int64_t reach = axis.dilation * (axis.window - 1) + 1;
  const int64_t room =
      axis.in + 2 * axis.padding - reach + (ceil_mode ? axis.stride - 1 : int64_t{0});
  if (axis.padding > axis.window / 2 || room < 0)
    return false;
  axis.out = room / axis.stride + 1;
  // The last window does not begin behind the last element.
  if (ceil_mode && (axis.out - 1) * axis.stride >= axis.in + axis.padding)
    --axis.out;
  return true;
}

// How the windows lie, or nothing if LibTorch refuses such a call.
std::optional<std::vector<PoolAxis>> pool_axes(const OperatorCall& call, const at::Tensor& self,
                                               int64_t spatial) {
  const auto count = static_cast<size_t>(spatial);
  const auto numbers = [&](const char* name) { return for_each_axis(call.argument(name), count); };
  const at::DimVector window = numbers("kernel_size"), padding = numbers("padding"),
                      dilation = numbers("dilation");
  at::DimVector stride = numbers("stride");
  if (stride.empty())
    stride = window;
  if (self.dim() > spatial + 2 || self.numel() == 0 || window.size() != count ||
      padding.size() != count || dilation.size() != count || stride.size() != count)
    return std::nullopt;
  std::vector<PoolAxis> axes;
  for (size_t i = 0; i < count; ++i) {
    const int64_t in = self.size(self.dim() - spatial + static_cast<int64_t>(i));
    axes.push_back({window[i], in, 0, stride[i], padding[i], dilation[i]});
    if (!count_windows(axes.back(), call.argument("ceil_mode").toBool()))
      return std::nullopt;
  }
  return axes;
}

// Codes are in the order of values, so the greatest code stands for the greatest value. Gradients
// go to the elements that were chosen. `axes`, where LibTorch takes the call.
Pooled pool(const OperatorCall& call, const at::Tensor& self, int64_t spatial,
            const std::optional<std::vector<PoolAxis>>& axes) {
  const at::Tensor carrier = gradient_carrier(self);
  std::vector<c10::IValue> arguments = call.arguments().vec();
  const at::ScalarType type = codes(self).scalar_type();
  if (!carrier.defined() && type == at::kChar && self.device().is_cpu() && axes.has_value())
    return {max_of_codes(codes(self), *axes), carrier};
  arguments[0] = codes(self).to(*compared_type(type));
  if (!carrier.defined()) {
    return {call_operator(call.schema(), std::move(arguments)).toTensor().to(type), carrier};
  }
  const std::string name = call.schema().name() + "_with_indices";
  const auto op = c10::Dispatcher::singleton().findSchemaOrThrow(name.c_str(), "");
  torch::jit::Stack stack = std::move(arguments);
  op.callBoxed(&stack);
  const at::Tensor indices = stack[1].toTensor();
  return {stack[0].toTensor().to(type),
          carrier.flatten(-spatial).gather(-1, indices.flatten(-spatial)).reshape(indices.sizes())};
}

RunOrReason prepare(const OperatorCall& call, int64_t spatial) {
  if (auto refusal = needs_quantized_self(call))
    return {nullptr, *std::move(refusal)};
  const at::Tensor& self = call[0].toTensor();
  if (!bound_function(self).is_monotonic())
    return {nullptr,
            bound_function(self).name() + " is not known to keep the order of values in its codes"};
  if (auto refusal = needs_exact_codes(codes(self)))
    return {nullptr, *std::move(refusal)};
  if (self.dim() < spatial + 1)
    return {nullptr, "it has fewer axes than the operator pools"};
  auto pooled = pooled_function(self, self, spatial);
  if (!pooled.function.has_value())
    return {nullptr, std::move(pooled.why_not)};
  // LibTorch's maximum of nothing is -inf, of which there is no code.
  auto axes = pool_axes(call, self, spatial);
  if (axes.has_value() && !std::all_of(axes->begin(), axes->end(),
                                       [](const PoolAxis& axis) { return axis.is_covered(); }))
    return {nullptr, "some of its windows have nothing but padding in them"};
  return {[call, self, spatial, axes = std::move(axes)]() -> c10::IValue {
            const Pooled pooled = pool(call, self, spatial, axes);
            return make_quantized_tensor(pooled.codes,
                                         *pooled_function(self, pooled.codes, spatial).function,
                                         self.scalar_type(), pooled.carrier);
          },
          ""};
}

void add(const std::string& name, int64_t spatial) {
  register_prepared(name, "maximum of codes",
                    [spatial](const OperatorCall& call) { return prepare(call, spatial); });
}

}  // namespace

void register_max_pool() {
  add("aten::max_pool1d", 1);
  add("aten::max_pool2d", 2);
  add("aten::max_pool3d", 3);
}

}  // namespace ff::dispatch
