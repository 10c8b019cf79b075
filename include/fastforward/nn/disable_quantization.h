#pragma once

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "fastforward/core/api.h"
#include "fastforward/dispatch/strict.h"
#include "fastforward/nn/named_quantizers.h"
#include "fastforward/nn/override.h"

namespace ff {

/// Turns all quantizers of a model off until its scope ends: they pass their data on. Not movable.
///
/// Strict quantization is off as well for this thread, since layers then meet plain tensors. Guards
/// nest.
///
///     { ff::DisableQuantization off(model); float_output = model->forward(x); }
class FF_API DisableQuantization {
 public:
  /// Turns the quantizers in `model` off.
  [[nodiscard]] explicit DisableQuantization(const nn::ModuleRef& model);
  /// Turns these quantizers off.
  [[nodiscard]] explicit DisableQuantization(
      const std::vector<std::shared_ptr<nn::QuantizerImpl>>& quantizers);
  DisableQuantization(const DisableQuantization&) = delete;
  DisableQuantization& operator=(const DisableQuantization&) = delete;

 private:
  StrictGuard relaxed_;
  std::vector<nn::OverrideHandle> handles_;
};

/// Turns quantizers on again inside a DisableQuantization, until its scope ends. Not movable.
///
/// Strict quantization stays as it is. Has no effect on quantizers that nothing disabled.
class FF_API EnableQuantization {
 public:
  /// Turns the quantizers in `model` on.
  [[nodiscard]] explicit EnableQuantization(const nn::ModuleRef& model);
  /// Turns these quantizers on.
  [[nodiscard]] explicit EnableQuantization(
      const std::vector<std::shared_ptr<nn::QuantizerImpl>>& quantizers);
  EnableQuantization(const EnableQuantization&) = delete;
  EnableQuantization& operator=(const EnableQuantization&) = delete;
  ~EnableQuantization();

 private:
  std::vector<std::pair<std::shared_ptr<bool>, bool>> before_;
};

/// True if a DisableQuantization turns this quantizer off now.
FF_API bool is_quantization_disabled(const nn::QuantizerImpl& quantizer);

/// Returns a scope in which all quantizers of `model` are off. See DisableQuantization.
[[nodiscard]] FF_API DisableQuantization disable_quantization(const nn::ModuleRef& model);

/// Returns a scope in which all quantizers of `model` are on. See EnableQuantization.
[[nodiscard]] FF_API EnableQuantization enable_quantization(const nn::ModuleRef& model);

}  // namespace ff
