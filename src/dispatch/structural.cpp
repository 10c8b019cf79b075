#include <ATen/TensorOperators.h>
#include <c10/core/WrapDimMinimal.h>

#include <algorithm>
#include <numeric>

#include "dispatch/boxed.h"
#include "dispatch/builtin.h"
#include "dispatch/registry.h"
#include "fastforward/tensor/quantized_tensor.h"
#include "tensor/quantized_tensor_impl.h"

namespace ff::dispatch {
namespace {

using Kind = decltype(StructuralChange::kind);
/// What a call changes in the structure of its first argument.
using Describe = std::function<Kind(const OperatorCall&, const at::Tensor& self)>;

// The call with every quantized tensor replaced.
template <typename Replace>
at::Tensor call_on(const OperatorCall& call, const Replace& replace) {
  std::vector<c10::IValue> arguments = call.arguments().vec();
  for (c10::IValue& argument : arguments) {
    if (argument.isTensor() && is_quantized(argument.toTensor()))
      argument = replace(argument.toTensor());
  }
  return call_operator(call.schema(), std::move(arguments)).toTensor();
}

// Codes may lie otherwise than values would, as those of integer convolutions do. Nobody writes to
// them, so a copy is as good as a view.
at::Tensor call_on_codes(const OperatorCall& call) {
  const std::string& name = call.schema().name();
  const bool is_quantized_self = is_quantized(call[0].toTensor());
  if (is_quantized_self && (name == "aten::view" || name == "aten::_unsafe_view"))
    return codes(call[0].toTensor()).reshape(call[1].toIntVector());
  if (is_quantized_self && name == "aten::view_as")
    return codes(call[0].toTensor()).reshape(call[1].toTensor().sizes());
  return call_on(call, [](const at::Tensor& tensor) { return codes(tensor); });
}

bool is_transposition(const Kind& kind) {
  const auto* permute = std::get_if<StructuralChange::Permute>(&kind);
  return permute != nullptr && permute->axes == std::vector<int64_t>{1, 0};
}

// Rows of codes that are not there yet, without the others.
at::Tensor selected_rows(const CodesSource* source, const Kind& kind) {
  const auto* select = std::get_if<StructuralChange::IndexSelect>(&kind);
  const bool is_taken =
      source != nullptr && select != nullptr && select->axis == 0 && select->index.dim() == 1;
  return is_taken ? source->rows(select->index) : at::Tensor();
}

at::Tensor moved_carrier(const OperatorCall& call, const Kind& kind, const at::Tensor& new_codes) {
  const at::Tensor self = call[0].toTensor(), carrier = gradient_carrier(self);
  if (!carrier.defined())
    return carrier;
  // Its strides are not those of the codes: view() may not work on it.
  if (std::holds_alternative<StructuralChange::Reshape>(kind))
    return carrier.reshape(new_codes.sizes());
  return call_on(call, [&](const at::Tensor& tensor) {
    return tensor.is_same(self) ? carrier : codes(tensor);
  });
}

// Codes that are not there yet are moved where they come from.
RunOrReason transpose(const at::Tensor& self, const Kind& kind,
                      std::shared_ptr<const CodesSource> source) {
  const std::vector<int64_t> sizes = {self.size(1), self.size(0)},
                             strides = {self.stride(1), self.stride(0)};
  auto restructured = bound_function(self).restructure({kind, self.sizes().vec(), sizes});
  if (!restructured.function.has_value())
    return {nullptr, std::move(restructured.why_not)};
  const at::Tensor result = at::detail::make_tensor<QuantizedTensorImpl>(
      std::move(source), as_quantized(self)->codes_dtype(), sizes, strides, self.device(),
      *std::move(restructured.function), self.scalar_type());
  return {[result]() -> c10::IValue { return result; }, ""};
}

RunOrReason move(const OperatorCall& call, const Describe& describe) {
  if (auto refusal = needs_quantized_self(call))
    return {nullptr, *std::move(refusal)};
  const at::Tensor self = call[0].toTensor();
  const Kind kind = describe(call, self);
  const auto& source = as_quantized(self)->source();
  if (source != nullptr && is_transposition(kind)) {
    if (std::shared_ptr<const CodesSource> transposed = source->transposed())
      return transpose(self, kind, std::move(transposed));
  }
  const at::Tensor rows = selected_rows(source.get(), kind);
  const at::Tensor new_codes = rows.defined() ? rows : call_on_codes(call);
  auto restructured =
      bound_function(self).restructure({kind, self.sizes().vec(), new_codes.sizes().vec()});
  if (!restructured.function.has_value())
    return {nullptr, std::move(restructured.why_not)};
  return {
      [call, self, kind, new_codes, function = *std::move(restructured.function)]() -> c10::IValue {
        return make_quantized_tensor(new_codes, function, self.scalar_type(),
                                     moved_carrier(call, kind, new_codes));
      },
      ""};
}

void add(const std::string& name, const Describe& describe) {
  register_prepared(name, "move codes",
                    [describe](const OperatorCall& call) { return move(call, describe); });
}

// Of the second argument only the sizes matter: it may be quantized while the first is plain.
void add_like(const std::string& name, const Describe& describe) {
  register_prepared(name, "move codes", [describe](const OperatorCall& call) -> RunOrReason {
    if (is_quantized(call[0].toTensor()))
      return move(call, describe);
    return {[call]() -> c10::IValue { return call_on_codes(call); }, ""};
  });
}

Kind reshape(const OperatorCall&, const at::Tensor&) {
  return StructuralChange::Reshape{};
}
Kind expand(const OperatorCall&, const at::Tensor&) {
  return StructuralChange::Expand{};
}

std::vector<int64_t> axes_of(const at::Tensor& self) {
  std::vector<int64_t> axes(self.dim());
  std::iota(axes.begin(), axes.end(), 0);
  return axes;
}

std::vector<int64_t> wrapped(const c10::IValue& list, const at::Tensor& self) {
  std::vector<int64_t> axes =
      list.isInt() ? std::vector<int64_t>{list.toInt()} : list.toIntVector();
  for (int64_t& axis : axes)
    axis = c10::maybe_wrap_dim(axis, self.dim());
  return axes;
}

Kind permute(const OperatorCall& call, const at::Tensor& self) {
  return StructuralChange::Permute{wrapped(call[1], self)};
}

Kind swap(const at::Tensor& self, int64_t first, int64_t second) {
  std::vector<int64_t> axes = axes_of(self);
  if (self.dim() > 0)
    std::swap(axes[c10::maybe_wrap_dim(first, self.dim())],
              axes[c10::maybe_wrap_dim(second, self.dim())]);
  return StructuralChange::Permute{std::move(axes)};
}

Kind reverse(const OperatorCall&, const at::Tensor& self) {
  std::vector<int64_t> axes = axes_of(self);
  std::reverse(axes.begin(), axes.end());
  return StructuralChange::Permute{std::move(axes)};
}

Kind move_axes(const OperatorCall& call, const at::Tensor& self) {
  const std::vector<int64_t> from = wrapped(call[1], self), to = wrapped(call[2], self);
  std::vector<int64_t> axes(self.dim(), -1);
  for (size_t i = 0; i < from.size(); ++i)
    axes[to[i]] = from[i];
  int64_t next = 0;
  for (int64_t& axis : axes) {
    if (axis >= 0)
      continue;
    while (std::find(from.begin(), from.end(), next) != from.end())
      ++next;
    axis = next++;
  }
  return StructuralChange::Permute{std::move(axes)};
}

Kind select(const OperatorCall& call, const at::Tensor& self) {
  const int64_t axis = c10::maybe_wrap_dim(call[1].toInt(), self.dim());
  const int64_t index = call[2].toInt();
  return StructuralChange::Slice{axis, index < 0 ? index + self.size(axis) : index, 1, 1, true};
}

Kind narrow(const OperatorCall& call, const at::Tensor& self) {
  const int64_t axis = c10::maybe_wrap_dim(call[1].toInt(), self.dim());
  const int64_t start = call[2].toInt();
  return StructuralChange::Slice{axis, start < 0 ? start + self.size(axis) : start, call[3].toInt(),
                                 1, false};
}

Kind slice(const OperatorCall& call, const at::Tensor& self) {
  const int64_t axis = c10::maybe_wrap_dim(call[1].toInt(), self.dim());
  const int64_t size = self.size(axis);
  const auto bounded = [&](const c10::IValue& value, int64_t otherwise) {
    if (value.isNone())
      return otherwise;
    const int64_t index = value.toInt();
    return std::clamp<int64_t>(index < 0 ? index + size : index, 0, size);
  };
  const int64_t start = bounded(call[2], 0), end = std::max(start, bounded(call[3], size)),
                step = call[4].toInt();
  return StructuralChange::Slice{axis, start, (end - start + step - 1) / step, step, false};
}

Kind index_select(const OperatorCall& call, const at::Tensor& self) {
  return StructuralChange::IndexSelect{c10::maybe_wrap_dim(call[1].toInt(), self.dim()),
                                       call[2].toTensor()};
}

}  // namespace

void register_structural() {
  for (const char* name :
       {"aten::view", "aten::reshape", "aten::_unsafe_view", "aten::flatten.using_ints",
        "aten::unflatten.int", "aten::squeeze", "aten::squeeze.dim", "aten::squeeze.dims",
        "aten::unsqueeze", "aten::ravel"}) {
    add(name, reshape);
  }
  for (const char* name : {"aten::view_as", "aten::reshape_as"})
    add_like(name, reshape);
  for (const char* name : {"aten::expand", "aten::broadcast_to"})
    add(name, expand);
  add_like("aten::expand_as", expand);
  add("aten::permute", permute);
  for (const char* name : {"aten::transpose.int", "aten::swapaxes", "aten::swapdims"}) {
    add(name, [](const OperatorCall& call, const at::Tensor& self) {
      return swap(self, call[1].toInt(), call[2].toInt());
    });
  }
  for (const char* name : {"aten::t", "aten::numpy_T"})
    add(name, reverse);
  for (const char* name : {"aten::mT", "aten::mH"}) {
    add(name, [](const OperatorCall&, const at::Tensor& self) { return swap(self, -2, -1); });
  }
  for (const char* name : {"aten::movedim.int", "aten::movedim.intlist", "aten::moveaxis.int",
                           "aten::moveaxis.intlist"}) {
    add(name, move_axes);
  }
  add("aten::select.int", select);
  add("aten::narrow", narrow);
  add("aten::slice.Tensor", slice);
  add("aten::index_select", index_select);
}

}  // namespace ff::dispatch
