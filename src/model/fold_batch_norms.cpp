#include "fastforward/model/fold_batch_norms.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <ostream>

#include "model/batch_norm_folding.h"
#include "model/binding.h"
#include "model/eval_scope.h"
#include "model/program.h"

namespace ff {
namespace {

void fill(const at::Tensor& tensor, double value) {
  if (tensor.defined())
    tensor.fill_(value);
}

// Changes the tensors so that the product gives what the batch norm gave.
void fold(const model::BatchNormFold& fold, const model::CallGraph& graph,
          const model::ModelTensors& tensors) {
  const double epsilon = graph.calls()[fold.norm].epsilon;
  const model::FoldedWeights folded =
      model::fold_batch_norm(tensors[fold.weight], fold.channel_axis, tensors[fold.bias],
                             {tensors[fold.scale], tensors[fold.shift], tensors[fold.mean],
                              tensors[fold.variance], epsilon});
  const at::Tensor bias = tensors[fold.bias], shift = tensors[fold.shift];
  tensors[fold.weight].copy_(folded.weight);
  fill(tensors[fold.scale], 1);
  fill(shift, 0);
  fill(tensors[fold.mean], 0);
  fill(tensors[fold.variance], 1 - epsilon);
  if (bias.defined())
    bias.copy_(folded.bias);
  else if (shift.defined())
    shift.copy_(folded.bias);
  else
    tensors[fold.mean].copy_(-folded.bias);
}

std::string reason_to_stay(const model::Program& program, size_t norm) {
  const model::CallGraph& graph = program.recording.graph;
  const model::Call& call = graph.calls()[norm];
  if (call.training)
    return "it normalizes by the statistics of the batch";
  const model::ValueId operand =
      call.operands.empty() ? model::kConstant : graph.value_of(call.operands[0]);
  if (operand < 0 || graph.value(operand).kind != model::Value::Kind::kResult)
    return "its operand is no result of an operator";
  const model::Value& value = graph.value(operand);
  const std::string& maker = program.call_sites[value.call];
  if (graph.calls()[value.call].kind != model::OperatorKind::kProduct)
    return "its operand comes from " + maker + ", which is no convolution or linear map";
  if (value.readers.size() > 1 || value.is_returned)
    return "others read the result of " + maker + " too";
  return "the weights of " + maker +
         " or its own are shared with other calls, or are no parameters";
}

bool is_shared(const model::CallGraph& graph, model::ValueId value) {
  return value >= 0 && graph.value(value).readers.size() > 1;
}

}  // namespace

FoldReport fold_batch_norms(const FloatModel& model, const Examples& examples) {
  const EvalScope<const FloatModel> eval(model);
  auto program = std::make_shared<const model::Program>(
      model::make_program(model::record(model, examples.calls()), {.fold_batch_norms = false}));
  const std::shared_ptr<const model::ModelTensors> tensors = model::Binding(program).tensors(model);
  const model::CallGraph& graph = program->recording.graph;
  const std::vector<model::BatchNormFold> folds = model::foldable_batch_norms(graph);
  const at::NoGradGuard no_grad;
  FoldReport report;
  for (size_t norm = 0; norm < graph.calls().size(); ++norm) {
    if (graph.calls()[norm].kind != model::OperatorKind::kNorm)
      continue;
    const auto found = std::find_if(folds.begin(), folds.end(), [&](const auto& candidate) {
      return candidate.norm == norm && !is_shared(graph, candidate.scale) &&
             !is_shared(graph, candidate.shift) && !is_shared(graph, candidate.mean) &&
             !is_shared(graph, candidate.variance) && !is_shared(graph, candidate.bias);
    });
    if (found == folds.end()) {
      report.left.push_back({program->call_sites[norm], reason_to_stay(*program, norm)});
      continue;
    }
    fold(*found, graph, *tensors);
    report.folded.push_back({program->call_sites[norm], program->call_sites[found->product]});
  }
  return report;
}

std::ostream& operator<<(std::ostream& stream, const FoldReport& report) {
  for (const FoldReport::Folded& folded : report.folded)
    stream << folded.norm << ": folded into " << folded.product << "\n";
  for (const FoldReport::Left& left : report.left)
    stream << left.norm << ": stays, " << left.reason << "\n";
  return stream;
}

}  // namespace ff
