#include "model/weight_ranges.h"

#include <ATen/core/grad_mode.h>
#include <c10/util/Exception.h>

#include "core/error.h"

namespace ff::model {

at::Tensor weight_of(const Program& program, const Binding& binding, size_t place,
                     const ModelTensors& tensors) {
  const Place& planned = program.plan.places[place];
  const CallGraph& graph = program.recording.graph;
  if (graph.value(planned.value).kind != Value::Kind::kParameter)
    return {};
  const at::Tensor weight = tensors[planned.value];
  for (const BatchNormFold& fold : program.plan.folds) {
    if (fold.weight == planned.value)
      return binding.folded(fold, weight, tensors).weight;
  }
  return weight;
}

void set_range(nn::QuantizerImpl& quantizer, const range_setting::RangeEstimator& estimator,
               const at::Tensor& data) {
  const at::NoGradGuard no_grad;
  const std::string reason = estimator.unsupported(quantizer);
  TORCH_CHECK_TYPE(reason.empty(), estimator.name(), ": ", reason,
                   "; give this quantizer another estimator.");
  auto& settable = dynamic_cast<nn::RangeSettable&>(quantizer);
  with_location([&] { return quantizer.describe(); },
                [&] { estimator.make_step(settable)->estimate(settable, data.detach()); });
}

}  // namespace ff::model
