#pragma once

#include <ATen/core/grad_mode.h>

#include "fastforward/core/api.h"

namespace ff {

/// True if operators on quantized tensors run in integers in this thread where they can; false
/// unless an IntegerGuard says otherwise.
FF_API bool integers_enabled();

/// Lets operators on quantized tensors run in integers in this thread until the guard's scope ends,
/// also when it ends by an exception.
///
/// An operator that has an integer form for its arguments takes their codes as they are and gives
/// codes, or values where nobody quantizes its result; all others run as without the guard
/// (ff::dispatch::why_not says why). Integers have no gradients: the guard turns them off. Guards
/// nest. docs/integers.md says which operators have such a form, and how exact they are.
///
///     ff::IntegerGuard integers;
///     auto y = layer->forward(x);   // ff::nn::QuantizedLinear
class FF_API IntegerGuard {
 public:
  /// Turns integers on, or off inside of another guard.
  explicit IntegerGuard(bool enabled = true);
  ~IntegerGuard();
  IntegerGuard(const IntegerGuard&) = delete;
  IntegerGuard& operator=(const IntegerGuard&) = delete;

 private:
  bool before_;
  at::AutoGradMode gradients_;
};

}  // namespace ff
