#pragma once

#include <memory>
#include <vector>

#include "fastforward/core/api.h"
#include "fastforward/dispatch/strict.h"
#include "fastforward/nn/fused_parameters.h"
#include "fastforward/nn/named_quantizers.h"
#include "fastforward/nn/override.h"

namespace ff {

/// Replaces each parameter that meets a quantizer by its quantized and dequantized values, and the
/// quantizer by a stub, until its scope ends. Not movable.
///
/// Run the model once inside of the scope. It finds parameters by use, so it also knows those whose
/// quantizer has another name (fuse_weights goes by names, and needs no run). A tensor that is
/// computed from a parameter is none. Quantizers that meet other data pass it on, and strict
/// quantization is off for this thread, so outputs inside of the scope are not those of the
/// quantized model.
///
/// The changes stay after the scope; `fused().restore()` undoes them.
///
///     ff::FreezeParameters freeze(model);
///     model->forward(x);
///
/// Throws c10::TypeError, from the forward, for a quantizer that replace_quantizer cannot replace.
/// Source: FastForward's freeze_parameters.
class FF_API FreezeParameters {
 public:
  /// Freezes what meets the quantizers in `model`.
  [[nodiscard]] explicit FreezeParameters(const nn::ModuleRef& model, bool stub_quantizers = true);
  /// Freezes what meets the quantizers in some modules, a part of a model for example.
  [[nodiscard]] explicit FreezeParameters(const std::vector<nn::ModuleRef>& modules,
                                          bool stub_quantizers = true);
  FreezeParameters(const FreezeParameters&) = delete;
  FreezeParameters& operator=(const FreezeParameters&) = delete;

  /// What was frozen so far. May be moved from, to undo it after the scope.
  nn::FusedParameters& fused() {
    return *fused_;
  }

 private:
  StrictGuard relaxed_;
  std::shared_ptr<nn::FusedParameters> fused_;
  std::vector<nn::OverrideHandle> handles_;
};

/// Returns a scope that freezes the parameters of `model`. See FreezeParameters.
[[nodiscard]] FF_API FreezeParameters freeze_parameters(const nn::ModuleRef& model,
                                                        bool stub_quantizers = true);

}  // namespace ff
