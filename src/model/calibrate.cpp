#include "fastforward/model/calibrate.h"

#include <ATen/core/grad_mode.h>
#include <c10/util/Exception.h>

#include <map>
#include <ostream>
#include <set>

#include "fastforward/nn/disable_quantization.h"
#include "fastforward/nn/quantizer_stub.h"
#include "fastforward/range_setting/estimate_ranges.h"
#include "fastforward/range_setting/min_max.h"
#include "model/eval_scope.h"
#include "model/normal_mode.h"
#include "model/state_scope.h"

namespace ff {
namespace {

using Estimator = std::shared_ptr<range_setting::RangeEstimator>;
using Quantizers = std::vector<std::shared_ptr<nn::QuantizerImpl>>;

class Calibration {
 public:
  Calibration(QuantizedModel& model, const CalibrationOptions& options)
      : model_(model), options_(options) {
    model->initialize_weights();
    find_activations();
  }

  CalibrationReport run(const BatchSource& batches, int64_t total) {
    if (groups_.empty())
      return std::move(report_);
    {
      const NormalMode normal;
      const EvalScope eval(*model_);
      const StateScope state(model_->float_model());
      // Whatever the estimators do, the operators run in float.
      std::unique_ptr<DisableQuantization> off;
      if (!options_.quantize_while_estimating)
        off = std::make_unique<DisableQuantization>(nn::ModuleRef(model_));
      const std::vector<range_setting::RangeEstimation> scopes = begin();
      while (const std::optional<Inputs> batch = batches()) {
        model_->run(*batch);
        if (model_->depends_on_grad_mode()) {
          const at::AutoGradMode with_gradients(true);
          model_->run(*batch);
        }
        ++report_.batches;
        if (options_.progress != nullptr)
          options_.progress(report_.batches, total);
      }
    }
    finish();
    return std::move(report_);
  }

 private:
  void find_activations() {
    const std::vector<std::string> weights = model_->weight_places();
    const std::set<std::string> is_weight(weights.begin(), weights.end());
    const std::vector<std::string> without = model_->uninitialized();
    const std::set<std::string> without_range(without.begin(), without.end());
    for (const auto& [path, quantizer] : nn::named_quantizers(model_)) {
      // A weight that is computed in the forward has no range yet.
      if (is_weight.count(path) != 0 && without_range.count(path) == 0)
        continue;
      Estimator estimator = is_weight.count(path) == 0 ? options_.estimator : nullptr;
      if (estimator == nullptr)
        estimator = model_->estimator(path);
      if (estimator == nullptr)
        estimator = default_;
      const std::string reason = estimator->unsupported(*quantizer);
      if (!reason.empty()) {
        report_.skipped.push_back({path, reason});
        continue;
      }
      groups_[estimator].push_back(quantizer);
      report_.estimated.push_back(path);
    }
  }

  std::vector<range_setting::RangeEstimation> begin() {
    std::vector<range_setting::RangeEstimation> scopes;
    for (const auto& [estimator, quantizers] : groups_) {
      const std::vector<nn::ModuleRef> modules(quantizers.begin(), quantizers.end());
      scopes.push_back(estimate_ranges(modules, estimator));
    }
    return scopes;
  }

  void finish() {
    const std::vector<std::string> without = model_->uninitialized();
    const std::set<std::string> missing(without.begin(), without.end());
    std::vector<std::string> reached;
    for (const std::string& path : report_.estimated)
      (missing.count(path) != 0 ? report_.not_reached : reached).push_back(path);
    report_.estimated = std::move(reached);
  }

  QuantizedModel& model_;
  const CalibrationOptions& options_;
  Estimator default_ = range_setting::running_minmax();
  std::map<Estimator, Quantizers> groups_;
  CalibrationReport report_;
};

BatchSource source_of(const std::vector<Inputs>& batches) {
  return [&batches, next = size_t{0}]() mutable -> std::optional<Inputs> {
    if (next == batches.size())
      return std::nullopt;
    return batches[next++];
  };
}

}  // namespace

CalibrationReport calibrate(QuantizedModel& model, const BatchSource& batches,
                            const CalibrationOptions& options) {
  return Calibration(model, options).run(batches, 0);
}

CalibrationReport calibrate(QuantizedModel& model, const Examples& batches,
                            const CalibrationOptions& options) {
  return Calibration(model, options)
      .run(source_of(batches.calls()), static_cast<int64_t>(batches.calls().size()));
}

CalibrationReport calibrate(QuantizedModel& model, const std::vector<at::Tensor>& batches,
                            const CalibrationOptions& options) {
  std::vector<Inputs> calls;
  for (const at::Tensor& batch : batches)
    calls.push_back({batch});
  return calibrate(model, Examples(std::move(calls)), options);
}

std::ostream& operator<<(std::ostream& stream, const CalibrationReport& report) {
  stream << report.batches << " batches, " << report.estimated.size() << " ranges estimated, "
         << report.skipped.size() << " quantizers need none\n";
  for (const std::string& path : report.not_reached)
    stream << "no batch reached " << path << "\n";
  return stream;
}

}  // namespace ff
