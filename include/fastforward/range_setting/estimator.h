#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "fastforward/core/api.h"
#include "fastforward/nn/named_quantizers.h"
#include "fastforward/nn/override.h"
#include "fastforward/nn/quantizer.h"
#include "fastforward/nn/range_settable.h"

/// Finding the ranges of quantizers from data.
namespace ff::range_setting {

using nn::RangeSettable;
using nn::SupportsRangeBasedOperator;

/// What one quantizer's range is estimated with. Made at the beginning of a scope, gone at its end.
class FF_API EstimatorStep {
 public:
  virtual ~EstimatorStep() = default;
  /// Takes one batch of floating-point data into account and sets the quantizer's range.
  virtual void estimate(RangeSettable& quantizer, const at::Tensor& data) = 0;
};

/// What every estimator can be told.
struct FF_API EstimatorOptions {
  /// The quantizers pass their data on while they estimate, so that ranges are those of the float
  /// model.
  bool disable_quantization = false;
  /// Quantizers that the estimator cannot work on are left as they are and listed in
  /// RangeEstimation::skipped(); false: they are a c10::TypeError.
  bool skip_unsupported = false;
};

/// A way to estimate ranges. Derive from it, and make a step for each quantizer.
class FF_API RangeEstimator {
 public:
  /// Keeps the options.
  explicit RangeEstimator(EstimatorOptions options) : options_(options) {}
  virtual ~RangeEstimator() = default;

  /// Returns the estimator's name, for messages.
  virtual std::string name() const = 0;
  /// Says nothing if `quantizer` can be estimated, else which interface it lacks.
  virtual std::string unsupported(const nn::QuantizerImpl& quantizer) const;
  /// Returns a step for `quantizer`, which is a RangeSettable and supported. Ranges set before are
  /// its start.
  virtual std::unique_ptr<EstimatorStep> make_step(RangeSettable& quantizer) const = 0;

  /// What the estimator was told.
  const EstimatorOptions& options() const {
    return options_;
  }

 private:
  EstimatorOptions options_;
};

}  // namespace ff::range_setting
