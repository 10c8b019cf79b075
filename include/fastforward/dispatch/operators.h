#pragma once

#include <ATen/core/boxing/KernelFunction.h>
#include <ATen/core/function_schema.h>
#include <ATen/core/ivalue.h>
#include <c10/util/ArrayRef.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "fastforward/core/api.h"

/// The registry of quantized implementations: operator + predicate + priority -> implementation.
namespace ff::dispatch {

/// The arguments of one call of an operator, in the order of its schema, defaults filled in.
class FF_API OperatorCall {
 public:
  /// Looks at `arguments`, which must outlive the call.
  OperatorCall(const c10::FunctionSchema& schema, c10::ArrayRef<c10::IValue> arguments)
      : schema_(schema), arguments_(arguments) {}

  /// The operator's schema.
  const c10::FunctionSchema& schema() const {
    return schema_;
  }
  /// All arguments.
  c10::ArrayRef<c10::IValue> arguments() const {
    return arguments_;
  }
  /// The argument `name`. Throws c10::ValueError if the operator has none of that name.
  const c10::IValue& argument(const std::string& name) const;
  /// The argument at `index`.
  const c10::IValue& operator[](size_t index) const {
    return arguments_[index];
  }

 private:
  const c10::FunctionSchema& schema_;
  c10::ArrayRef<c10::IValue> arguments_;
};

/// Says nothing if an implementation takes the call, else why it does not.
using Predicate = std::function<std::optional<std::string>(const OperatorCall&)>;

/// Keeps an implementation registered for as long as it lives. Movable; empty after a move or
/// remove().
class FF_API Registration {
 public:
  /// Keeps nothing.
  Registration() = default;
  /// Removes `id`'s implementation when it goes. register_implementation makes it.
  explicit Registration(int64_t id) : id_(id) {}
  /// Takes over.
  Registration(Registration&& other) noexcept : id_(std::exchange(other.id_, 0)) {}
  /// Removes what it kept and takes over.
  Registration& operator=(Registration&& other) noexcept;
  ~Registration() {
    remove();
  }

  /// Removes the implementation now.
  void remove();
  /// Leaves the implementation registered for the rest of the process.
  void keep() {
    id_ = 0;
  }

 private:
  int64_t id_ = 0;
};

/// Registers an implementation of a LibTorch operator for calls with a quantized argument.
///
/// `operator_name` is like "aten::relu" or "aten::slice.Tensor". Where several implementations take
/// a call, the one of the highest `priority` runs, and of these the one registered last. `kernel`
/// gets the arguments as the caller gave them, quantized ones included, below autograd's dispatch.
/// `name` is what why_not calls it. Throws c10::ValueError if LibTorch has no such operator. Safe
/// to call from any thread.
FF_API Registration register_implementation(const std::string& operator_name, std::string name,
                                            Predicate predicate, c10::KernelFunction kernel,
                                            int priority = 0);

/// Registers a function with the operator's C++ signature, like `[](const at::Tensor& self) { ...
/// }`.
///
///     auto relu = ff::dispatch::register_operator(
///         "aten::relu", "relu on codes", predicate,
///         [](const at::Tensor& self) { return relu_on_codes(self); });
template <typename Function>
Registration register_operator(const std::string& operator_name, std::string name,
                               Predicate predicate, Function&& function, int priority = 0) {
  return register_implementation(
      operator_name, std::move(name), std::move(predicate),
      c10::KernelFunction::makeFromUnboxedLambda<false>(std::forward<Function>(function)),
      priority);
}

/// An implementation that refused a call.
struct FF_API Refusal {
  /// The implementation's name.
  std::string implementation;
  /// Its reason.
  std::string reason;
};

/// Returns the refusals of all implementations that would be asked before one takes the call; all
/// of them if none does.
///
/// `arguments` are all arguments of the operator's schema, in its order, also those that have
/// defaults. Throws c10::ValueError if LibTorch has no such operator or their number is another.
FF_API std::vector<Refusal> why_not(const std::string& operator_name,
                                    c10::ArrayRef<c10::IValue> arguments);

}  // namespace ff::dispatch
