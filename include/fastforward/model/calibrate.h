#pragma once

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fastforward/core/api.h"
#include "fastforward/core/progress.h"
#include "fastforward/model/autoquantize.h"
#include "fastforward/model/quantized_model.h"
#include "fastforward/range_setting/estimate_ranges.h"

namespace ff {

/// Options for calibrate.
struct FF_API CalibrationOptions {
  /// Estimates the ranges of all activations; null: what the rules said for each
  /// (QuantizationConfig::estimate_with), else range_setting::running_minmax.
  std::shared_ptr<range_setting::RangeEstimator> estimator = nullptr;
  /// False: ranges are those of the float model. True: operators before a quantizer are quantized
  /// already, with the ranges so far.
  bool quantize_while_estimating = false;
  /// Told after each batch.
  Progress progress = nullptr;
};

/// What calibrate did.
struct FF_API CalibrationReport {
  /// Batches that ran.
  int64_t batches = 0;
  /// Quantizers that got ranges.
  std::vector<std::string> estimated;
  /// Quantizers that no batch reached, and which have no range: a branch that did not run.
  std::vector<std::string> not_reached;
  /// Quantizers that estimate nothing, as those that take the range of each tensor, and why.
  std::vector<range_setting::RangeEstimation::Skipped> skipped;
};

/// Writes the numbers, and the quantizers that were not reached.
FF_API std::ostream& operator<<(std::ostream& stream, const CalibrationReport& report);

/// Gives the next batch, nothing at the end.
using BatchSource = std::function<std::optional<Inputs>()>;

/// Sets the ranges of all activations from data: runs the model in eval mode without gradients on
/// each batch. Quantizers of weights that have no range yet get it from the weights; those that the
/// forward computes, as sums of parameters, are seen there.
///
///     ff::calibrate(quantized, batches, {.progress = ff::progress_bar("calibrating")});
///
/// Nothing is kept of a batch but the ranges. Ranges set before are the start of estimators that
/// run on, as running_minmax. Throws c10::ValueError, with the quantizer and the batch, for NaN and
/// infinities in the data, and what the model throws.
FF_API CalibrationReport calibrate(QuantizedModel& model, const BatchSource& batches,
                                   const CalibrationOptions& options = {});
/// The same with batches that are there already. One tensor or several calls, as for autoquantize.
FF_API CalibrationReport calibrate(QuantizedModel& model, const Examples& batches,
                                   const CalibrationOptions& options = {});
/// The same with batches of one tensor each.
FF_API CalibrationReport calibrate(QuantizedModel& model, const std::vector<at::Tensor>& batches,
                                   const CalibrationOptions& options = {});

}  // namespace ff
