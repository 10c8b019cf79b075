#pragma once

#include <memory>

#include "fastforward/core/api.h"
#include "fastforward/range_setting/estimator.h"

namespace ff::range_setting {

/// Options for smoothed_minmax.
struct FF_API SmoothedMinMaxOptions {
  /// The weight of the newest batch, in [0, 1]. The default 1 remembers only the last batch, as in
  /// FastForward.
  double gamma = 1.0;
  /// See EstimatorOptions.
  bool disable_quantization = false;
  /// See EstimatorOptions.
  bool skip_unsupported = false;
};

/// The minimum and maximum of each tile over all data, and over the range that the quantizer had
/// before.
///
/// Source: FastForward's running_minmax. NaN and infinities are an error there only in part; here
/// always.
FF_API std::shared_ptr<RangeEstimator> running_minmax(const EstimatorOptions& options = {});

/// The range [-m, m] of each tile, m the largest magnitude over all data and over the range before,
/// of a symmetric quantizer without its lowest code.
///
/// A symmetric quantizer of b bits then has the scale m / (2^(b-1) - 1) and never uses its lowest
/// code, as the 8-bit weights of TensorFlow Lite and onnxruntime ("narrow range"). Source: B. Jacob
/// and others, arXiv:1712.05877, section 3.
FF_API std::shared_ptr<RangeEstimator> narrow_minmax(const EstimatorOptions& options = {});

/// An exponential average of each batch's minimum and maximum: range = gamma * batch + (1 - gamma)
/// * range.
///
/// It begins with the range that the quantizer had before, else with the first batch. Throws
/// c10::ValueError if gamma is outside [0, 1]. Source: FastForward's smoothed_minmax.
FF_API std::shared_ptr<RangeEstimator> smoothed_minmax(const SmoothedMinMaxOptions& options = {});

}  // namespace ff::range_setting
