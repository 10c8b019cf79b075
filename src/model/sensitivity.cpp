#include "fastforward/model/sensitivity.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <iomanip>
#include <map>
#include <nlohmann/json.hpp>
#include <ostream>
#include <sstream>

#include "core/table_text.h"
#include "fastforward/nn/disable_quantization.h"
#include "model/eval_scope.h"
#include "model/model_run.h"
#include "model/state_scope.h"

namespace ff {
namespace {

// Sums of a signal and of its noise.
struct Power {
  double signal = 0;
  double noise = 0;

  void add(const at::Tensor& output, const at::Tensor& reference) {
    const at::Tensor wide = reference.to(at::kDouble);
    signal += wide.square().sum().item<double>();
    noise += (output.to(at::kDouble) - wide).square().sum().item<double>();
  }
  double decibels() const {
    constexpr double kDecibels = 10;
    return kDecibels * std::log10(signal / noise);
  }
};

std::vector<c10::IValue> run_all(QuantizedModel& model, const Examples& batches) {
  const StateScope state(model->float_model());
  std::vector<c10::IValue> outputs;
  for (const Inputs& batch : batches.calls())
    outputs.push_back(model->run(batch));
  return outputs;
}

using Quantizers = std::vector<std::shared_ptr<nn::QuantizerImpl>>;

// What is turned on and off together, by its name.
std::vector<std::pair<std::string, Quantizers>> groups_of(QuantizedModel& model, bool by_site) {
  std::vector<std::pair<std::string, Quantizers>> groups;
  std::map<std::string, size_t> known;
  for (const auto& [path, quantizer] : nn::named_quantizers(model)) {
    const std::string name = by_site ? path.substr(0, path.rfind('.')) : path;
    const auto [group, is_new] = known.emplace(name, groups.size());
    if (is_new)
      groups.emplace_back(name, Quantizers());
    groups[group->second].second.push_back(quantizer);
  }
  return groups;
}

std::string text_of(double metric) {
  std::ostringstream text;
  text << std::fixed << std::setprecision(2) << metric;
  return text.str();
}

nlohmann::ordered_json json_of(double metric) {
  return std::isfinite(metric) ? nlohmann::ordered_json(metric) : nlohmann::ordered_json(nullptr);
}

double metric_of_one(QuantizedModel& model, const Examples& batches,
                     const SensitivityMetric& metric, const std::vector<c10::IValue>& reference,
                     const Quantizers& one, bool leave_out) {
  if (leave_out) {
    const DisableQuantization off(one);
    return metric(run_all(model, batches), reference);
  }
  const DisableQuantization off{nn::ModuleRef(model)};
  const EnableQuantization on(one);
  return metric(run_all(model, batches), reference);
}

}  // namespace

double sqnr(const std::vector<c10::IValue>& outputs, const std::vector<c10::IValue>& reference) {
  const std::vector<at::Tensor> values = model::tensors_in(outputs);
  const std::vector<at::Tensor> expected = model::tensors_in(reference);
  TORCH_CHECK_VALUE(values.size() == expected.size(), "sqnr: ", values.size(), " outputs, but ",
                    expected.size(), " in the reference; they must be of the same model and data.");
  Power power;
  for (size_t i = 0; i < values.size(); ++i) {
    TORCH_CHECK_VALUE(values[i].sizes() == expected[i].sizes(), "sqnr: output ", i, " has shape ",
                      values[i].sizes(), ", but the reference has ", expected[i].sizes(), ".");
    if (model::is_value(values[i]) || values[i].is_floating_point())
      power.add(values[i], expected[i]);
  }
  return power.decibels();
}

Sensitivity sensitivity(QuantizedModel& model, const Examples& batches,
                        const SensitivityMetric& metric, const SensitivityOptions& options) {
  TORCH_CHECK_VALUE(!batches.calls().empty(),
                    "sensitivity: there is no batch; give the inputs of at least one call.");
  TORCH_CHECK_VALUE(metric != nullptr, "sensitivity: the metric is empty; ff::sqnr is one.");
  const at::NoGradGuard no_grad;
  EvalScope eval(*model);
  std::vector<c10::IValue> reference;
  {
    const DisableQuantization off{nn::ModuleRef(model)};
    reference = run_all(model, batches);
  }
  Sensitivity result;
  result.leave_out = options.leave_out;
  result.all_on = metric(run_all(model, batches), reference);
  const auto groups = groups_of(model, options.by_site);
  for (const auto& [path, quantizers] : groups) {
    result.quantizers.push_back(
        {path, metric_of_one(model, batches, metric, reference, quantizers, options.leave_out)});
    if (options.progress != nullptr)
      options.progress(static_cast<int64_t>(result.quantizers.size()),
                       static_cast<int64_t>(groups.size()));
  }
  std::stable_sort(result.quantizers.begin(), result.quantizers.end(),
                   [&](const QuantizerSensitivity& a, const QuantizerSensitivity& b) {
                     return options.leave_out ? a.metric > b.metric : a.metric < b.metric;
                   });
  return result;
}

std::string Sensitivity::to_json() const {
  nlohmann::ordered_json all = nlohmann::ordered_json::array();
  for (const QuantizerSensitivity& line : quantizers)
    all.push_back({{"quantizer", line.quantizer}, {"metric", json_of(line.metric)}});
  return nlohmann::ordered_json{
      {"all_on", json_of(all_on)}, {"leave_out", leave_out}, {"quantizers", all}}
      .dump(2);
}

std::ostream& operator<<(std::ostream& stream, const Sensitivity& sensitivity) {
  std::vector<std::vector<std::string>> rows = {
      {"quantizer", sensitivity.leave_out ? "alone off" : "alone on"}};
  for (const QuantizerSensitivity& line : sensitivity.quantizers)
    rows.push_back({line.quantizer, text_of(line.metric)});
  rows.push_back({"all on", text_of(sensitivity.all_on)});
  write_table(stream, rows);
  return stream;
}

namespace {

// Compares what passes the quantizers of activations in a float run and in a quantized one.
class Comparison {
 public:
  explicit Comparison(QuantizedModel& model) : model_(model) {
    const std::vector<std::string> weights = model->weight_places();
    for (const nn::NamedQuantizer& named : nn::named_quantizers(model)) {
      if (std::find(weights.begin(), weights.end(), named.first) == weights.end())
        activations_.push_back(named);
    }
  }

  // Both runs begin with the same state; the float one goes on to the next batch.
  void run(const Inputs& batch) {
    values_.clear();
    const std::function<void()> put_back = model_->float_model().keep_state();
    std::function<void()> go_on;
    {
      // Before the overrides, which then see the data first.
      const DisableQuantization off{nn::ModuleRef(model_)};
      const std::vector<nn::OverrideHandle> handles =
          listen([this](const std::string& path, const nn::NextFunction&, const at::Tensor& data) {
            values_[path].push_back(data.clone());
            return data;
          });
      model_->run(batch);
      go_on = model_->float_model().keep_state();
    }
    put_back();
    const std::vector<nn::OverrideHandle> handles = listen(
        [this](const std::string& path, const nn::NextFunction& next, const at::Tensor& data) {
          at::Tensor values = next(data);
          compare(path, values);
          return values;
        });
    model_->run(batch);
    go_on();
  }

  const std::map<std::string, Power>& powers() const {
    return powers_;
  }

 private:
  template <typename Listener>
  std::vector<nn::OverrideHandle> listen(const Listener& listener) {
    std::vector<nn::OverrideHandle> handles;
    for (const auto& [path, quantizer] : activations_)
      handles.push_back(quantizer->register_override(
          [listener, path = path](nn::QuantizerImpl&, const nn::NextFunction& next,
                                  const at::Tensor& data) { return listener(path, next, data); }));
    return handles;
  }

  void compare(const std::string& path, const at::Tensor& values) {
    std::deque<at::Tensor>& known = values_[path];
    if (known.empty())
      return;
    if (known.front().sizes() == values.sizes())
      powers_[path].add(values.dequantize(), known.front());
    known.pop_front();
  }

  QuantizedModel& model_;
  std::vector<nn::NamedQuantizer> activations_;
  std::map<std::string, std::deque<at::Tensor>> values_;
  std::map<std::string, Power> powers_;
};

}  // namespace

std::vector<QuantizerSensitivity> sqnr_by_quantizer(QuantizedModel& model, const Examples& batches,
                                                    const Progress& progress) {
  TORCH_CHECK_VALUE(!batches.calls().empty(),
                    "sqnr_by_quantizer: there is no batch; give the inputs of at least one call.");
  const at::NoGradGuard no_grad;
  EvalScope eval(*model);
  const StateScope state(model->float_model());
  Comparison comparison(model);
  int64_t done = 0;
  for (const Inputs& batch : batches.calls()) {
    comparison.run(batch);
    if (progress != nullptr)
      progress(++done, static_cast<int64_t>(batches.calls().size()));
  }
  std::vector<QuantizerSensitivity> result;
  for (const auto& [path, quantizer] : nn::named_quantizers(model)) {
    const auto found = comparison.powers().find(path);
    if (found != comparison.powers().end()) {
      result.push_back({path, found->second.decibels()});
    } else if (const at::Tensor weight = model->weight(path); weight.defined()) {
      Power power;
      power.add(quantizer->fake_quantize(weight), weight);
      result.push_back({path, power.decibels()});
    }
  }
  return result;
}

}  // namespace ff
