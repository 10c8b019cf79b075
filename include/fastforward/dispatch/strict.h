#pragma once

#include "fastforward/core/api.h"

namespace ff {

/// True if an operator without a quantized implementation is an error in this thread; true unless a
/// StrictGuard says otherwise.
FF_API bool strict_quantization();

/// Sets strict quantization for this thread until the guard's scope ends, also when it ends by an
/// exception.
///
/// Strict: an operator that meets a quantized tensor needs an implementation for it, else it is an
/// error. Not strict: its quantized arguments are dequantized first. Guards nest. Source:
/// FastForward's strict_quantization.
///
///     ff::StrictGuard relaxed(false);
///     auto y = torch::relu(q);   // a plain tensor
class FF_API StrictGuard {
 public:
  /// Sets the mode of this thread.
  explicit StrictGuard(bool strict);
  ~StrictGuard();
  StrictGuard(const StrictGuard&) = delete;
  StrictGuard& operator=(const StrictGuard&) = delete;

 private:
  bool before_;
};

}  // namespace ff
