#pragma once

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/stack.h>
#include <c10/core/impl/LocalDispatchKeySet.h>

namespace ff::model {

/// Sees every operator that a thread runs while a scope of it lives, before composite operators are
/// taken apart and before autograd. See docs/libtorch.md.
class OperatorMode {
 public:
  virtual ~OperatorMode() = default;

  /// Gets the operator's arguments on the stack and leaves its results there; calls the operator
  /// itself. The mode is off meanwhile.
  virtual void on_operator(const c10::OperatorHandle& op, torch::jit::Stack& stack) = 0;

  /// Turns the mode on for this thread.
  class Scope {
   public:
    /// Throws c10::NotImplementedError, beginning with `where`, if this thread has a mode already.
    Scope(OperatorMode& mode, const std::string& where);
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    c10::impl::IncludeDispatchKeyGuard included_;
  };
};

}  // namespace ff::model
