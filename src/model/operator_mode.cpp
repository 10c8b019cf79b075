#include "model/operator_mode.h"

#include <c10/util/Exception.h>
#include <torch/library.h>

namespace ff::model {
namespace {

// The key that stands above all others of tensors; nobody else uses it (docs/libtorch.md).
constexpr auto kModeKey = c10::DispatchKey::TESTING_ONLY_GenericMode;

thread_local OperatorMode* current = nullptr;

// A thread that the model begins has the key but not the mode: there the operator just runs.
void fallback(const c10::OperatorHandle& op, torch::jit::Stack* stack) {
  const c10::impl::ExcludeDispatchKeyGuard off(kModeKey);
  if (current == nullptr)
    op.callBoxed(stack);
  else
    current->on_operator(op, *stack);
}

}  // namespace

OperatorMode::Scope::Scope(OperatorMode& mode, const std::string& where) : included_(kModeKey) {
  TORCH_CHECK_NOT_IMPLEMENTED(
      current == nullptr, where,
      ": a quantized model, or a recording, ran inside the forward of another one. Quantize the "
      "outer model as a whole, with the plain inner model in it.");
  current = &mode;
}

OperatorMode::Scope::~Scope() {
  current = nullptr;
}

TORCH_LIBRARY_IMPL(_, TESTING_ONLY_GenericMode, library) {
  library.fallback(torch::CppFunction::makeFromBoxedFunction<&fallback>());
}

}  // namespace ff::model
