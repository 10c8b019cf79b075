#pragma once

#include <ATen/core/ivalue.h>

#include <functional>
#include <iosfwd>
#include <string>
#include <vector>

#include "fastforward/core/api.h"
#include "fastforward/core/progress.h"
#include "fastforward/model/autoquantize.h"
#include "fastforward/model/quantized_model.h"

namespace ff {

/// How good outputs are: from what the model gives for each batch, and what it gives in float. More
/// is better.
using SensitivityMetric = std::function<double(const std::vector<c10::IValue>& outputs,
                                               const std::vector<c10::IValue>& reference)>;

/// Returns the signal to quantization noise ratio over all tensors of all batches, in decibels:
///
///     10 log10(sum(reference^2) / sum((output - reference)^2)), summed in float64
///
/// Infinite for equal outputs. Throws c10::ValueError if shapes differ.
FF_API double sqnr(const std::vector<c10::IValue>& outputs,
                   const std::vector<c10::IValue>& reference);

/// Options for sensitivity.
struct FF_API SensitivityOptions {
  /// False: each quantizer alone is on. True: each alone is off.
  bool leave_out = false;
  /// True: the quantizers of one site, as weight and output of a convolution, are turned on and off
  /// together. False: each by itself.
  bool by_site = false;
  /// Told after each quantizer or site.
  Progress progress = nullptr;
};

/// What one quantizer costs, or those of one site.
struct FF_API QuantizerSensitivity {
  /// Its path, or that of the site.
  std::string quantizer;
  /// The metric with it alone on, or alone off.
  double metric;
};

/// What quantizers cost, each by itself.
struct FF_API Sensitivity {
  /// The metric with all quantizers on.
  double all_on = 0;
  /// Whether each was alone off, not alone on.
  bool leave_out = false;
  /// The one that costs most first.
  std::vector<QuantizerSensitivity> quantizers;

  /// Returns {"all_on": ..., "leave_out": ..., "quantizers": [{"quantizer": ..., "metric": ...}]};
  /// infinities are null.
  std::string to_json() const;
};

/// Writes an aligned table.
FF_API std::ostream& operator<<(std::ostream& stream, const Sensitivity& sensitivity);

/// Measures what each quantizer of a calibrated model costs: runs the batches once in float, once
/// with all quantizers on, and once for each quantizer with it alone on, or alone off.
///
///     std::cout << ff::sensitivity(quantized, batches, ff::sqnr);
///
/// With `leave_out`, a quantizer costs most where the metric without it is best. In eval mode,
/// without gradients. Throws c10::ValueError without a batch, and what the model throws.
FF_API Sensitivity sensitivity(QuantizedModel& model, const Examples& batches,
                               const SensitivityMetric& metric = sqnr,
                               const SensitivityOptions& options = {});

/// Returns the signal to quantization noise ratio, in decibels, of the values at each quantizer
/// between the float model and the quantized one, all from one run of both for each batch: how the
/// error grows on its way through the model. Weights: of the weight itself.
///
/// In the order of the model. Keeps the values of one batch.
FF_API std::vector<QuantizerSensitivity> sqnr_by_quantizer(QuantizedModel& model,
                                                           const Examples& batches,
                                                           const Progress& progress = nullptr);

}  // namespace ff
