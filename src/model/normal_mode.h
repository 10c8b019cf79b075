#pragma once

#include <ATen/core/grad_mode.h>
#include <c10/core/InferenceMode.h>

#include <optional>

namespace ff {

/// No gradients, and no inference mode: quantizers that are made or filled in a scope of it can be
/// used outside of c10::InferenceMode, wherever the caller is.
class NormalMode {
 public:
  NormalMode() {
    if (c10::InferenceMode::is_enabled()) {
      normal_.emplace(false);
      at::GradMode::set_enabled(false);  // it was turned on with it
    }
  }
  NormalMode(const NormalMode&) = delete;
  NormalMode& operator=(const NormalMode&) = delete;

 private:
  const at::NoGradGuard no_grad_;
  std::optional<c10::InferenceMode> normal_;  // goes first, and sets what it found
};

}  // namespace ff
