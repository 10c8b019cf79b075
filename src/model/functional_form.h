#pragma once

#include <ATen/core/dispatch/Dispatcher.h>

#include <optional>

namespace ff::model {

/// The operator that computes what another one computes in place, with the same arguments; nothing
/// if there is none.
std::optional<c10::OperatorHandle> functional_form(const c10::OperatorHandle& op);

}  // namespace ff::model
