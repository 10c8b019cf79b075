#pragma once

#include <ATen/core/dispatch/Dispatcher.h>

#include <memory>
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

}  // namespace ff::dispatch
