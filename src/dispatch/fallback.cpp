#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/stack.h>
#include <c10/util/Exception.h>
#include <torch/library.h>

#include "dispatch/output_scope.h"
#include "dispatch/registry.h"
#include "fastforward/dispatch/strict.h"
#include "fastforward/tensor/quantized_tensor.h"
#include "tensor/plain.h"
#include "tensor/quantized_tensor_impl.h"

namespace ff::dispatch {
namespace {

// Calls visit(tensor) for every tensor inside a value, also in lists, optionals, tuples and
// dictionaries.
template <typename Visit>
void visit_tensors(const c10::IValue& value, const Visit& visit) {
  value.visit([&](const c10::IValue& inner) {
    if (inner.isTensor())
      visit(inner.toTensor());
    return false;
  });
}

bool has_quantized(const c10::IValue& value) {
  bool found = false;
  visit_tensors(value, [&](const at::Tensor& tensor) { found = found || is_quantized(tensor); });
  return found;
}

c10::IValue dequantized(const c10::IValue& value) {
  if (value.isTensor())
    return plain(value.toTensor());
  if (value.isTensorList()) {
    c10::List<at::Tensor> list;
    for (const at::Tensor& tensor : value.toTensorVector())
      list.push_back(plain(tensor));
    return list;
  }
  if (value.isOptionalTensorList()) {
    c10::List<std::optional<at::Tensor>> list;
    for (const std::optional<at::Tensor>& tensor : value.toOptionalTensorVector()) {
      list.push_back(tensor.has_value() ? std::optional(plain(*tensor)) : std::nullopt);
    }
    return list;
  }
  TORCH_CHECK_NOT_IMPLEMENTED(false, "a quantized tensor inside a ", value.tagKind(),
                              " cannot be dequantized there; call dequantize() on it first.");
}

std::string describe(const at::Tensor& tensor) {
  return c10::str("a quantized tensor of shape ", tensor.sizes(), " by ",
                  bound_function(tensor).name());
}

at::Tensor first_quantized(const c10::IValue& value) {
  at::Tensor first;
  visit_tensors(value, [&](const at::Tensor& tensor) {
    if (!first.defined() && is_quantized(tensor))
      first = tensor;
  });
  return first;
}

void refuse_writes(const c10::FunctionSchema& schema, c10::ArrayRef<c10::IValue> arguments) {
  for (size_t i = 0; i < arguments.size(); ++i) {
    const c10::AliasInfo* alias = schema.arguments()[i].alias_info();
    if (alias == nullptr || !alias->isWrite() || !has_quantized(arguments[i]))
      continue;
    TORCH_CHECK_NOT_IMPLEMENTED(
        false, schema.name(), " writes into argument '", schema.arguments()[i].name(),
        "', which is ", describe(first_quantized(arguments[i])),
        "; a quantized tensor is never changed in place. Call dequantize() on it first.");
  }
}

[[noreturn]] void refuse_strictly(const c10::FunctionSchema& schema,
                                  c10::ArrayRef<c10::IValue> arguments,
                                  const std::vector<Refusal>& refusals) {
  std::string reasons;
  for (const Refusal& refusal : refusals) {
    reasons += "\n  not '" + refusal.implementation + "': " + refusal.reason;
  }
  for (size_t i = 0; i < arguments.size(); ++i) {
    const at::Tensor tensor = first_quantized(arguments[i]);
    if (!tensor.defined())
      continue;
    TORCH_CHECK_NOT_IMPLEMENTED(false, "strict quantization: ", schema.operator_name(),
                                " has no quantized implementation for argument '",
                                schema.arguments()[i].name(), "', which is ", describe(tensor),
                                ". Call dequantize() on it first, or let operators do that with "
                                "ff::StrictGuard relaxed(false).",
                                reasons);
  }
  TORCH_INTERNAL_ASSERT(false, schema.name(),
                        " came to the quantized fallback without a quantized argument");
}

// Every operator that meets a quantized tensor comes here, before autograd.
void fallback(const c10::OperatorHandle& op, c10::DispatchKeySet keys, torch::jit::Stack* stack) {
  const c10::FunctionSchema& schema = op.schema();
  const size_t count = schema.arguments().size();
  const c10::ArrayRef<c10::IValue> arguments(stack->data() + (stack->size() - count), count);
  refuse_writes(schema, arguments);
  const bool strict = strict_quantization();
  std::vector<Refusal> refusals;
  const Found found = find_implementation(op.operator_name(), OperatorCall(schema, arguments),
                                          strict ? &refusals : nullptr);
  if (found.run) {
    c10::IValue result = found.run();
    torch::jit::drop(*stack, count);
    stack->push_back(std::move(result));
    return;
  }
  if (found) {
    found.implementation->kernel.callBoxed(op, keys, stack);
    return;
  }
  if (strict)
    refuse_strictly(schema, arguments, refusals);
  const OutputScope nobody({});  // the operators inside have other results
  for (auto value = stack->end() - static_cast<int64_t>(count); value != stack->end(); ++value) {
    if (has_quantized(*value))
      *value = dequantized(*value);
  }
  op.callBoxed(stack);
}

}  // namespace

TORCH_LIBRARY_IMPL(_, TESTING_ONLY_GenericWrapper, library) {
  library.fallback(torch::CppFunction::makeFromBoxedFunction<&fallback>());
}

}  // namespace ff::dispatch
