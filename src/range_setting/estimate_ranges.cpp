#include "fastforward/range_setting/estimate_ranges.h"

#include <ATen/core/grad_mode.h>
#include <c10/util/Exception.h>

#include <mutex>

#include "core/error.h"
#include "fastforward/quantization/function.h"

namespace ff {
namespace range_setting {
namespace {

// What the threads that use one quantizer share. Recursive: an override may run the quantizer
// again.
struct Progress {
  std::unique_ptr<EstimatorStep> step;
  int64_t batches = 0;
  std::recursive_mutex mutex;
};

// Estimates from the data, then goes on.
nn::OverrideFunction make_override(std::unique_ptr<EstimatorStep> step, RangeSettable& settable,
                                   const RangeEstimator& estimator) {
  const auto progress = std::make_shared<Progress>();
  progress->step = std::move(step);
  return [progress, &settable, name = estimator.name(),
          pass_on = estimator.options().disable_quantization](
             nn::QuantizerImpl&, const nn::NextFunction& next, const at::Tensor& data) {
    // Until the batch is quantized: no other batch may change the parameters in between.
    const std::lock_guard lock(progress->mutex);
    const int64_t batch = progress->batches++;
    with_location([&] { return "batch " + std::to_string(batch); },
                  [&] {
                    detail::check_quantizable(name, data);
                    const at::NoGradGuard no_grad;
                    if (data.numel() > 0)
                      progress->step->estimate(settable, data.detach());
                  });
    return pass_on ? data : next(data);
  };
}

}  // namespace

std::string RangeEstimator::unsupported(const nn::QuantizerImpl& quantizer) const {
  if (dynamic_cast<const RangeSettable*>(&quantizer) != nullptr)
    return "";
  return quantizer.describe() + " does not implement ff::nn::RangeSettable";
}

RangeEstimation::RangeEstimation(const std::vector<nn::ModuleRef>& models,
                                 const RangeEstimator& estimator) {
  for (const nn::ModuleRef& model : models) {
    for (const auto& [path, quantizer] : nn::named_quantizers(model)) {
      const std::string reason = estimator.unsupported(*quantizer);
      if (!reason.empty()) {
        TORCH_CHECK_TYPE(
            estimator.options().skip_unsupported, estimator.name(), ": ", reason,
            "; implement it, or set skip_unsupported to leave such quantizers as they are.");
        skipped_.push_back({path, reason});
        continue;
      }
      auto& settable = dynamic_cast<RangeSettable&>(*quantizer);
      handles_.push_back(quantizer->register_override(
          make_override(estimator.make_step(settable), settable, estimator)));
    }
  }
  if (handles_.empty()) {
    TORCH_WARN(estimator.name(),
               ": estimate_ranges found no quantizer to estimate (stubs do not count, ",
               skipped_.size(), " were skipped).");
  }
}

}  // namespace range_setting

range_setting::RangeEstimation estimate_ranges(
    const nn::ModuleRef& model, const std::shared_ptr<range_setting::RangeEstimator>& estimator) {
  return estimate_ranges(std::vector<nn::ModuleRef>{model}, estimator);
}

range_setting::RangeEstimation estimate_ranges(
    const std::vector<nn::ModuleRef>& models,
    const std::shared_ptr<range_setting::RangeEstimator>& estimator) {
  TORCH_CHECK_VALUE(estimator != nullptr,
                    "estimate_ranges got a null estimator; use one like "
                    "ff::range_setting::running_minmax().");
  return range_setting::RangeEstimation(models, *estimator);
}

}  // namespace ff
