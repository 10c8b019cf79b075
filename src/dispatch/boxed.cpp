#include "dispatch/boxed.h"

#include "dispatch/registry.h"
#include "fastforward/tensor/quantized_tensor.h"

namespace ff::dispatch {
namespace {

struct BoxedKernel final : c10::OperatorKernel {
  explicit BoxedKernel(BoxedBody body) : body_(std::move(body)) {}

  void operator()(const c10::OperatorHandle& op, c10::DispatchKeySet,
                  torch::jit::Stack* stack) const {
    const c10::FunctionSchema& schema = op.schema();
    const size_t count = schema.arguments().size();
    const c10::ArrayRef<c10::IValue> arguments(stack->data() + (stack->size() - count), count);
    c10::IValue result = body_(OperatorCall(schema, arguments));
    torch::jit::drop(*stack, count);
    stack->push_back(std::move(result));
  }

 private:
  BoxedBody body_;
};

}  // namespace

c10::KernelFunction make_boxed(BoxedBody body) {
  return c10::KernelFunction::makeFromBoxedFunctor(std::make_unique<BoxedKernel>(std::move(body)));
}

void register_builtin(const std::string& operator_name, const std::string& name,
                      Predicate predicate, BoxedBody body) {
  if (!c10::Dispatcher::singleton().findSchema(parse_name(operator_name)).has_value())
    return;
  register_implementation(operator_name, name, std::move(predicate), make_boxed(std::move(body)))
      .keep();
}

c10::IValue call_operator(const c10::FunctionSchema& schema, std::vector<c10::IValue> arguments) {
  const auto op = c10::Dispatcher::singleton().findSchemaOrThrow(schema.name().c_str(),
                                                                 schema.overload_name().c_str());
  torch::jit::Stack stack = std::move(arguments);
  op.callBoxed(&stack);
  return std::move(stack.back());
}

at::DimVector for_each_axis(const c10::IValue& value, size_t axes) {
  at::DimVector numbers = value.toDimVector();
  if (numbers.size() == 1)
    numbers.resize(axes, numbers[0]);
  return numbers;
}

std::optional<std::string> needs_quantized_self(const OperatorCall& call) {
  if (call[0].isTensor() && is_quantized(call[0].toTensor()))
    return std::nullopt;
  return "its argument '" + call.schema().arguments()[0].name() + "' is not quantized";
}

}  // namespace ff::dispatch
