#pragma once

#include <ATen/core/dispatch/Dispatcher.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fastforward/dispatch/operators.h"

namespace ff::dispatch {

/// A registered implementation.
struct Implementation {
  int64_t id;
  int priority;
  std::string name;
  Predicate predicate;
  c10::KernelFunction kernel;
};

/// The operator that is meant by a name like "aten::slice.Tensor".
c10::OperatorName parse_name(const std::string& name);

/// The first implementation of `op` that takes the call, null if none does; then `refusals`, if
/// given, has the reasons.
std::shared_ptr<const Implementation> find_implementation(const c10::OperatorName& op,
                                                          const OperatorCall& call,
                                                          std::vector<Refusal>* refusals);

/// The result of the first implementation of `operator_name` that takes these arguments; nothing if
/// none does.
std::optional<c10::IValue> try_operator(const std::string& operator_name,
                                        std::vector<c10::IValue> arguments);

}  // namespace ff::dispatch
