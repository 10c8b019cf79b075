#pragma once

#include <ATen/core/DimVector.h>
#include <ATen/core/boxing/KernelFunction.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/stack.h>

#include <functional>
#include <memory>
#include <string>

#include "fastforward/dispatch/operators.h"

namespace ff::dispatch {

/// A kernel written on the call as a whole: gives the operator's one result.
using BoxedBody = std::function<c10::IValue(const OperatorCall&)>;

/// Turns `body` into a kernel for the registry.
c10::KernelFunction make_boxed(BoxedBody body);

/// Registers `body` for the rest of the process; does nothing if this LibTorch has no such
/// operator.
void register_builtin(const std::string& operator_name, const std::string& name,
                      Predicate predicate, BoxedBody body);

/// Calls the operator `schema` on other arguments and returns its one result.
c10::IValue call_operator(const c10::FunctionSchema& schema, std::vector<c10::IValue> arguments);

/// An argument that is a number for each axis; one number stands for all.
at::DimVector for_each_axis(const c10::IValue& value, size_t axes);

/// Refuses calls whose first argument is no quantized tensor.
std::optional<std::string> needs_quantized_self(const OperatorCall& call);

}  // namespace ff::dispatch
