#include "fastforward/range_setting/min_max.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/maximum.h>
#include <ATen/ops/minimum.h>
#include <ATen/ops/where.h>
#include <c10/util/Exception.h>

#include <functional>
#include <optional>

#include "fastforward/quantization/tile_range.h"

namespace ff::range_setting {
namespace {

/// How a new batch's range joins what is known.
using Join = std::function<QuantizationRange(const QuantizationRange& known,
                                             const QuantizationRange& batch)>;

/// What the range of the first batch becomes.
using Begin = std::function<QuantizationRange(const QuantizationRange& batch)>;

QuantizationRange as_it_is(const QuantizationRange& batch) {
  return batch;
}

QuantizationRange widened(const QuantizationRange& range) {
  const at::Tensor magnitude = at::maximum(range.max.abs(), range.min.abs());
  return {-magnitude, magnitude};
}

/// What a quantizer's range means to an estimator that goes on from it.
using Resume = std::function<QuantizationRange(const QuantizationRange& range, bool symmetric)>;

QuantizationRange unchanged(const QuantizationRange& range, bool /*symmetric*/) {
  return range;
}

// A symmetric range ends below with the lowest code, which a narrow one does not use. With one bit
// there is nothing above zero.
QuantizationRange narrowed(const QuantizationRange& range, bool symmetric) {
  if (!symmetric)
    return widened(range);
  const at::Tensor magnitude = at::where(range.max.gt(0), range.max, -range.min);
  return {-magnitude, magnitude};
}

class MinMaxStep final : public EstimatorStep {
 public:
  MinMaxStep(std::string name, std::optional<QuantizationRange> known, Join join, Begin begin)
      : name_(std::move(name)),
        known_(std::move(known)),
        join_(std::move(join)),
        begin_(std::move(begin)) {}

  void estimate(RangeSettable& quantizer, const at::Tensor& data) override {
    const QuantizationRange batch = tile_range(data, quantizer.granularity(), name_);
    TORCH_CHECK_VALUE(!known_.has_value() || known_->min.numel() == batch.min.numel(), name_,
                      ": data of shape ", data.sizes(), " has ", batch.min.numel(), " tiles of ",
                      quantizer.granularity(), ", but the range so far has ", known_->min.numel(),
                      "; the number of tiles must stay.");
    known_ = known_.has_value() ? join_(*known_, batch) : begin_(batch);
    quantizer.set_quantization_range(known_->min, known_->max);
  }

 private:
  std::string name_;
  std::optional<QuantizationRange> known_;
  Join join_;
  Begin begin_;
};

class MinMaxEstimator final : public RangeEstimator {
 public:
  MinMaxEstimator(std::string name, const EstimatorOptions& options, Join join,
                  Begin begin = as_it_is, Resume resume = unchanged)
      : RangeEstimator(options),
        name_(std::move(name)),
        join_(std::move(join)),
        begin_(std::move(begin)),
        resume_(std::move(resume)) {}

  std::string name() const override {
    return name_;
  }
  std::unique_ptr<EstimatorStep> make_step(RangeSettable& quantizer) const override {
    std::optional<QuantizationRange> known = quantizer.quantization_range();
    const auto* grid = dynamic_cast<const SupportsRangeBasedOperator*>(&quantizer);
    if (known.has_value())
      known = resume_({known->min.detach().clone(), known->max.detach().clone()},
                      grid != nullptr && grid->symmetric());
    return std::make_unique<MinMaxStep>(name_, std::move(known), join_, begin_);
  }

 private:
  std::string name_;
  Join join_;
  Begin begin_;
  Resume resume_;
};

}  // namespace

std::shared_ptr<RangeEstimator> running_minmax(const EstimatorOptions& options) {
  return std::make_shared<MinMaxEstimator>(
      "running_minmax", options,
      [](const QuantizationRange& known, const QuantizationRange& batch) {
        return QuantizationRange{at::minimum(known.min, batch.min),
                                 at::maximum(known.max, batch.max)};
      });
}

std::shared_ptr<RangeEstimator> narrow_minmax(const EstimatorOptions& options) {
  return std::make_shared<MinMaxEstimator>(
      "narrow_minmax", options,
      [](const QuantizationRange& known, const QuantizationRange& batch) {
        const QuantizationRange now = widened(batch);
        return QuantizationRange{at::minimum(known.min, now.min), at::maximum(known.max, now.max)};
      },
      widened, narrowed);
}

std::shared_ptr<RangeEstimator> smoothed_minmax(const SmoothedMinMaxOptions& options) {
  const double gamma = options.gamma;
  TORCH_CHECK_VALUE(gamma >= 0 && gamma <= 1, "smoothed_minmax: gamma is ", gamma,
                    "; expected a value in [0, 1].");
  return std::make_shared<MinMaxEstimator>(
      "smoothed_minmax", EstimatorOptions{options.disable_quantization, options.skip_unsupported},
      [gamma](const QuantizationRange& known, const QuantizationRange& batch) {
        const auto mix = [&](const at::Tensor& old, const at::Tensor& now) {
          return gamma * now + (1 - gamma) * old;
        };
        return QuantizationRange{mix(known.min, batch.min), mix(known.max, batch.max)};
      });
}

}  // namespace ff::range_setting
