#pragma once

#include <ATen/core/dispatch/Dispatcher.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fastforward/dispatch/operators.h"

namespace ff::dispatch {

/// Computes a call's one result.
using Run = std::function<c10::IValue()>;

/// How to run a call, or the reason why not: for implementations that find out on the way to the
/// answer what they need to run.
struct RunOrReason {
  /// Empty if the call is not taken.
  Run run;
  /// Why.
  std::string why_not;
};
using Prepare = std::function<RunOrReason(const OperatorCall&)>;

/// A registered implementation: a predicate and a kernel, or both in one.
struct Implementation {
  int64_t id;
  int priority;
  std::string name;
  Predicate predicate;
  c10::KernelFunction kernel;
  Prepare prepare;
};

/// An implementation that takes a call.
struct Found {
  /// Null if there is none.
  std::shared_ptr<const Implementation> implementation;
  /// Runs the call, where the implementation prepared it; else empty.
  Run run;

  /// True if there is one.
  explicit operator bool() const {
    return implementation != nullptr;
  }
};

/// Registers an implementation that prepares its calls, for the rest of the process; does nothing
/// if this LibTorch has no such operator. Those of higher priority are asked first.
void register_prepared(const std::string& operator_name, const std::string& name, Prepare prepare,
                       int priority = 0);

/// The operator that is meant by a name like "aten::slice.Tensor".
c10::OperatorName parse_name(const std::string& name);

/// The first implementation of `op` that takes the call; if none does, `refusals`, if given, has
/// the reasons.
Found find_implementation(const c10::OperatorName& op, const OperatorCall& call,
                          std::vector<Refusal>* refusals);

/// The result of the first implementation of `operator_name` that takes these arguments; nothing if
/// none does.
std::optional<c10::IValue> try_operator(const std::string& operator_name,
                                        std::vector<c10::IValue> arguments);

}  // namespace ff::dispatch
