#include "model/batch_norm_folding.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/rsqrt.h>

#include <algorithm>

namespace ff::model {
namespace {

// Position of the tensors among a batch norm's arguments.
constexpr size_t kScale = 1, kShift = 2, kMean = 3, kVariance = 4;

const Operand* find_operand(const Call& call, size_t argument) {
  const auto found =
      std::find_if(call.operands.begin(), call.operands.end(),
                   [&](const Operand& operand) { return operand.argument == argument; });
  return found == call.operands.end() ? nullptr : &*found;
}

ValueId value_at(const CallGraph& graph, const Call& call, size_t argument) {
  const Operand* operand = find_operand(call, argument);
  return operand == nullptr ? kConstant : graph.value_of(*operand);
}

bool is_parameter(const CallGraph& graph, ValueId value) {
  return value >= 0 && graph.value(value).kind == Value::Kind::kParameter;
}

// True if there is no tensor, or a parameter.
bool is_absent_or_parameter(const CallGraph& graph, const Call& call, size_t argument) {
  return find_operand(call, argument) == nullptr ||
         is_parameter(graph, value_at(graph, call, argument));
}

bool has_foldable_weight(const CallGraph& graph, const Call& product) {
  if (product.kind != OperatorKind::kProduct || product.op->weights.size() != 1 ||
      product.op->bias < 0)
    return false;
  const bool is_convolution = product.op->site.rfind("conv", 0) == 0;
  if (!is_convolution && product.op->site != "linear")
    return false;
  const ValueId weight = value_at(graph, product, product.op->weights[0]);
  // Of a grouped transposed convolution, an axis of the weight has the channels of one group only.
  if (!is_parameter(graph, weight) || product.results.empty() || product.results[0] < 0)
    return false;
  const std::vector<int64_t>& result = graph.value(product.results[0]).shape;
  const std::vector<int64_t>& shape = graph.value(weight).shape;
  const size_t channels = result.size() + 1 - shape.size();  // [N, C, spatial], [..., C] of linear
  if (channels >= result.size() ||
      shape[static_cast<size_t>(product.op->channel_axis)] != result[channels])
    return false;
  return graph.value(weight).readers.size() == 1 &&
         is_absent_or_parameter(graph, product, static_cast<size_t>(product.op->bias));
}

bool has_own_statistics(const CallGraph& graph, const Call& norm) {
  return !norm.training && is_parameter(graph, value_at(graph, norm, kMean)) &&
         is_parameter(graph, value_at(graph, norm, kVariance)) &&
         is_absent_or_parameter(graph, norm, kScale) && is_absent_or_parameter(graph, norm, kShift);
}

}  // namespace

BatchNormFold fold_of(const CallGraph& graph, size_t product, size_t norm) {
  const Call& maker = graph.calls()[product];
  const Call& normalizer = graph.calls()[norm];
  return {product,
          norm,
          value_at(graph, maker, maker.op->weights[0]),
          value_at(graph, maker, static_cast<size_t>(maker.op->bias)),
          value_at(graph, normalizer, kScale),
          value_at(graph, normalizer, kShift),
          value_at(graph, normalizer, kMean),
          value_at(graph, normalizer, kVariance)};
}

std::vector<BatchNormFold> foldable_batch_norms(const CallGraph& graph) {
  std::vector<BatchNormFold> folds;
  for (size_t norm = 0; norm < graph.calls().size(); ++norm) {
    const Call& call = graph.calls()[norm];
    if (call.kind != OperatorKind::kNorm || !has_own_statistics(graph, call))
      continue;
    const Operand* operand = find_operand(call, 0);
    if (operand == nullptr || operand->values.size() != 1)
      continue;
    const Value& value = graph.value(operand->values[0]);
    if (value.kind != Value::Kind::kResult || value.readers.size() != 1 || value.is_returned ||
        !has_foldable_weight(graph, graph.calls()[value.call]))
      continue;
    folds.push_back(fold_of(graph, value.call, norm));
  }
  return folds;
}

FoldedWeights fold_batch_norm(const at::Tensor& weight, const at::Tensor& bias,
                              const at::Tensor& scale, const at::Tensor& shift,
                              const at::Tensor& mean, const at::Tensor& variance, double epsilon,
                              int64_t channel_axis) {
  at::Tensor factor = at::rsqrt(variance + epsilon);
  if (scale.defined())
    factor = factor * scale;
  std::vector<int64_t> shape(static_cast<size_t>(weight.dim()), 1);
  shape[static_cast<size_t>(channel_axis)] = -1;
  at::Tensor folded_bias = (bias.defined() ? bias - mean : -mean) * factor;
  if (shift.defined())
    folded_bias = folded_bias + shift;
  return {weight * factor.reshape(shape), folded_bias};
}

}  // namespace ff::model
