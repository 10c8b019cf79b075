#pragma once

#include "fastforward/core/api.h"
#include "fastforward/nn/fused_parameters.h"
#include "fastforward/nn/named_quantizers.h"
#include "fastforward/nn/tag.h"

namespace ff {

/// Options for fuse_weights.
struct FF_API FuseOptions {
  /// Which quantizers: those with this tag. For biases: parameter/bias; for both: parameter.
  nn::Tag tag = nn::default_tags::weight_quantizer;
  /// True: stubs take their places. False: the quantizers stay; a LinearQuantizer gives values that
  /// are on its grid back unchanged, others may not.
  bool stub_quantizers = true;
};

/// Replaces weights by their quantized and dequantized values, in place.
///
/// A quantizer `NAME_quantizer` of a QuantizedModule belongs to that module's own parameter `NAME`.
/// Values are what the quantizer gives now, overrides included; where it passes the weight on (a
/// stub, a disabled one) nothing changes. All values are computed before the first is written. A
/// weight in several modules is written once. The model then computes the same in float, but its
/// weights are plain tensors, which strict mode refuses.
///
/// The answer can undo it; without it the change is final: the model does not keep the earlier
/// values.
///
///     ff::nn::FusedParameters fused = ff::fuse_weights(model);
///     fused.restore();
///
/// Throws c10::ValueError if one weight in several modules has quantizers that disagree, and what
/// the quantizers throw; then nothing has changed. Source: FastForward's fuse_qdq_weights.
FF_API nn::FusedParameters fuse_weights(const nn::ModuleRef& model,
                                        const FuseOptions& options = {});

}  // namespace ff
