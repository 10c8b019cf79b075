#pragma once

#include <ATen/core/Tensor.h>

#include <functional>

#include "fastforward/core/api.h"

namespace ff {

/// Rounds to the nearest integer, halves to even; the gradient passes unchanged (straight-through
/// estimator).
///
/// Any shape and floating-point type. Source: arXiv:1308.3432; FastForward's round_ste.
FF_API at::Tensor round_ste(const at::Tensor& data);

/// Makes a function straight-through: its value is function(data), its gradient is the identity.
///
/// The result keeps no state and can be called from several threads if `function` can. It throws
/// c10::ValueError if function changes the shape.
///
///     auto floor_ste = ff::ste([](const torch::Tensor& x) { return x.floor(); });
FF_API std::function<at::Tensor(const at::Tensor&)> ste(
    std::function<at::Tensor(const at::Tensor&)> function);

}  // namespace ff
