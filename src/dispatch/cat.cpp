#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>
#include <c10/core/WrapDimMinimal.h>

#include <algorithm>

#include "dispatch/boxed.h"
#include "dispatch/builtin.h"
#include "fastforward/tensor/quantized_tensor.h"

namespace ff::dispatch {
namespace {

using Restructured = BoundQuantizationFunction::Restructured;

bool requires_grad(const c10::IValue& value) {
  return value.isTensor() && value.toTensor().requires_grad();
}

// The first tensor argument in which two equal functions have separate tensors, of which one at
// least is trained; nothing if there is none.
std::optional<std::string> trained_apart(const BoundQuantizationFunction& a,
                                         const BoundQuantizationFunction& b) {
  const std::vector<BoundArgument> first = a.arguments(), second = b.arguments();
  for (size_t i = 0; i < first.size(); ++i) {
    const c10::IValue &x = first[i].value, &y = second[i].value;
    if (x.isTensor() && (requires_grad(x) || requires_grad(y)) &&
        !x.toTensor().is_same(y.toTensor()))
      return first[i].name;
  }
  return std::nullopt;
}

bool any_carrier(const std::vector<at::Tensor>& tensors) {
  return std::any_of(tensors.begin(), tensors.end(),
                     [](const at::Tensor& tensor) { return gradient_carrier(tensor).defined(); });
}

std::optional<std::string> needs_equal_functions(const std::vector<at::Tensor>& tensors) {
  if (tensors.empty())
    return "it has no tensors";
  for (const at::Tensor& tensor : tensors) {
    if (!is_quantized(tensor))
      return "not all of its tensors are quantized";
    if (tensor.scalar_type() != tensors[0].scalar_type())
      return "its tensors have values of different types";
    if (!bound_function(tensor).equal(bound_function(tensors[0]))) {
      return c10::str("its tensors have different parameters: ", bound_function(tensors[0]),
                      " and ", bound_function(tensor));
    }
  }
  if (!at::GradMode::is_enabled() || any_carrier(tensors))
    return std::nullopt;
  // Gradients flow through the one function of the result.
  for (const at::Tensor& tensor : tensors) {
    if (const auto name = trained_apart(bound_function(tensors[0]), bound_function(tensor))) {
      return "its tensors have separate tensors '" + *name +
             "' of equal values, and gradients of one of them are wanted; bind both functions to "
             "the same tensor, or detach() them";
    }
  }
  return std::nullopt;
}

// The one function of all tensors.
BoundQuantizationFunction shared_function(const std::vector<at::Tensor>& tensors) {
  const BoundQuantizationFunction function = bound_function(tensors[0]);
  const bool apart = std::any_of(tensors.begin(), tensors.end(), [&](const at::Tensor& tensor) {
    return trained_apart(function, bound_function(tensor)).has_value();
  });
  // Without gradients they may be joined, but none of them may get those of the others later.
  return apart && !any_carrier(tensors) ? function.detach() : function;
}

Restructured joined_function(const std::vector<at::Tensor>& tensors, int64_t dim) {
  std::vector<int64_t> new_sizes = tensors[0].sizes().vec();
  new_sizes[dim] = 0;
  for (const at::Tensor& tensor : tensors)
    new_sizes[dim] += tensor.size(dim);
  return shared_function(tensors).restructure(
      {StructuralChange::Resize{{dim}}, tensors[0].sizes().vec(), std::move(new_sizes)});
}

Restructured stacked_function(const std::vector<at::Tensor>& tensors, int64_t dim) {
  const std::vector<int64_t> sizes = tensors[0].sizes().vec();
  std::vector<int64_t> one = sizes, all = sizes;
  one.insert(one.begin() + dim, 1);
  all.insert(all.begin() + dim, static_cast<int64_t>(tensors.size()));
  const Restructured more_axes =
      shared_function(tensors).restructure({StructuralChange::Reshape{}, sizes, one});
  if (!more_axes.function.has_value())
    return more_axes;
  return more_axes.function->restructure(
      {StructuralChange::Resize{{dim}}, std::move(one), std::move(all)});
}

std::optional<std::string> reason(const Restructured& restructured) {
  if (restructured.function.has_value())
    return std::nullopt;
  return restructured.why_not;
}

// Joins codes and carriers by `join`, at::cat or at::stack.
template <typename Join>
at::Tensor join_tensors(const std::vector<at::Tensor>& tensors, int64_t dim,
                        const BoundQuantizationFunction& function, const Join& join) {
  std::vector<at::Tensor> all_codes, carriers;
  for (const at::Tensor& tensor : tensors) {
    all_codes.push_back(codes(tensor));
    const at::Tensor carrier = gradient_carrier(tensor);
    carriers.push_back(carrier.defined() ? carrier : at::zeros(tensor.sizes(), tensor.options()));
  }
  return make_quantized_tensor(join(all_codes, dim), function, tensors[0].scalar_type(),
                               any_carrier(tensors) ? join(carriers, dim) : at::Tensor());
}

std::optional<std::string> can_cat(const OperatorCall& call) {
  const std::vector<at::Tensor> tensors = call[0].toTensorVector();
  if (auto refusal = needs_equal_functions(tensors))
    return refusal;
  for (const at::Tensor& tensor : tensors) {
    if (tensor.dim() == 0 || tensor.dim() != tensors[0].dim())
      return "its tensors have different numbers of axes";
  }
  return reason(joined_function(tensors, c10::maybe_wrap_dim(call[1].toInt(), tensors[0].dim())));
}

c10::IValue cat(const OperatorCall& call) {
  const std::vector<at::Tensor> tensors = call[0].toTensorVector();
  const int64_t dim = c10::maybe_wrap_dim(call[1].toInt(), tensors[0].dim());
  return join_tensors(
      tensors, dim, *joined_function(tensors, dim).function,
      [](const std::vector<at::Tensor>& parts, int64_t axis) { return at::cat(parts, axis); });
}

std::optional<std::string> can_stack(const OperatorCall& call) {
  const std::vector<at::Tensor> tensors = call[0].toTensorVector();
  if (auto refusal = needs_equal_functions(tensors))
    return refusal;
  return reason(
      stacked_function(tensors, c10::maybe_wrap_dim(call[1].toInt(), tensors[0].dim() + 1)));
}

c10::IValue stack(const OperatorCall& call) {
  const std::vector<at::Tensor> tensors = call[0].toTensorVector();
  const int64_t dim = c10::maybe_wrap_dim(call[1].toInt(), tensors[0].dim() + 1);
  return join_tensors(
      tensors, dim, *stacked_function(tensors, dim).function,
      [](const std::vector<at::Tensor>& parts, int64_t axis) { return at::stack(parts, axis); });
}

}  // namespace

void register_cat() {
  for (const char* name : {"aten::cat", "aten::concat", "aten::concatenate"}) {
    register_builtin(name, "cat of equal parameters", can_cat, cat);
  }
  register_builtin("aten::stack", "stack of equal parameters", can_stack, stack);
}

}  // namespace ff::dispatch
