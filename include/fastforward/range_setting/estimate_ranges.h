#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "fastforward/core/api.h"
#include "fastforward/nn/named_quantizers.h"
#include "fastforward/range_setting/estimator.h"

namespace ff {
namespace range_setting {

/// The scope of an estimation: while it lives, every batch that reaches a quantizer of the model
/// estimates its range. Movable. It may end by an exception; the quantizers keep the ranges that
/// they have then.
class FF_API RangeEstimation {
 public:
  /// A quantizer that is not estimated.
  struct Skipped {
    /// Its path.
    std::string path;
    /// Why.
    std::string reason;
  };

  /// Prepares the quantizers of all models. See ff::estimate_ranges.
  [[nodiscard]] RangeEstimation(const std::vector<nn::ModuleRef>& models,
                                const RangeEstimator& estimator);

  /// Ends the estimation now.
  void end() {
    handles_.clear();
  }
  /// Returns the quantizers that are left as they are.
  const std::vector<Skipped>& skipped() const {
    return skipped_;
  }

 private:
  std::vector<nn::OverrideHandle> handles_;
  std::vector<Skipped> skipped_;
};

}  // namespace range_setting

/// Estimates the ranges of all quantizers in `model` from the data that passes them, until the
/// returned scope ends.
///
///     {
///       auto estimation = ff::estimate_ranges(model, ff::range_setting::running_minmax());
///       for (const auto& batch : batches) model->forward(batch);
///     }
///
/// Warns if there is no quantizer. Throws c10::TypeError for a quantizer that the estimator cannot
/// work on, unless it skips those; data with NaN or infinities is a c10::ValueError that names the
/// quantizer and the batch. Empty batches count as batches and change nothing; batches
/// that were errors count too. Source: FastForward's estimate_ranges.
///
/// Threads: several may run the model inside one scope, which must begin before and end after them.
/// For each quantizer, one batch after the other is estimated and quantized, in any order. With
/// EstimatorOptions::disable_quantization nothing else is shared, so that the ranges of an
/// estimator that takes batches in any order (running_minmax) are those of one thread. Without it,
/// a quantized tensor shares its scale with the quantizer: what a thread dequantizes may have the
/// parameters of another thread's later batch, as with later batches of its own. Outside of a
/// scope, threads may share a model whose parameters nobody changes.
[[nodiscard]] FF_API range_setting::RangeEstimation estimate_ranges(
    const nn::ModuleRef& model, const std::shared_ptr<range_setting::RangeEstimator>& estimator);

/// Estimates the ranges of all quantizers in several models.
[[nodiscard]] FF_API range_setting::RangeEstimation estimate_ranges(
    const std::vector<nn::ModuleRef>& models,
    const std::shared_ptr<range_setting::RangeEstimator>& estimator);

}  // namespace ff
