#include "model/batch_norm_folding.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/rsqrt.h>

#include <algorithm>

#include "model/weight_root.h"

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

// True if there is no tensor, or a parameter with one axis.
bool is_absent_or_parameter(const CallGraph& graph, const Call& call, size_t argument) {
  if (find_operand(call, argument) == nullptr)
    return true;
  const ValueId value = value_at(graph, call, argument);
  return is_parameter(graph, value) && graph.value(value).shape.size() == 1;
}

bool has_own_statistics(const CallGraph& graph, const Call& norm) {
  return !norm.training && is_parameter(graph, value_at(graph, norm, kMean)) &&
         is_parameter(graph, value_at(graph, norm, kVariance)) &&
         is_absent_or_parameter(graph, norm, kScale) && is_absent_or_parameter(graph, norm, kShift);
}

// A result that only the next call reads; null for other values.
const Value* private_result(const CallGraph& graph, const Operand* operand) {
  if (operand == nullptr || operand->values.size() != 1)
    return nullptr;
  const Value& value = graph.value(operand->values[0]);
  const bool is_private = value.kind == Value::Kind::kResult && value.readers.size() == 1 &&
                          !value.is_returned && !value.is_of_parameters;
  return is_private ? &value : nullptr;
}

bool is_convolution(const Call& call) {
  return call.op->site.rfind("conv", 0) == 0;
}

// Weight, channels and bias of a product; false if a batch norm cannot be folded into it.
bool add_product(const CallGraph& graph, size_t index, BatchNormFold& fold) {
  const Call& call = graph.calls()[index];
  const bool is_matrix =
      call.op->site == "linear" || call.op->site == "matmul" || call.op->site == "addmm";
  if (call.kind != OperatorKind::kProduct || call.is_scaled ||
      (!is_matrix && !is_convolution(call)))
    return false;
  std::vector<WeightRoot> roots;
  for (size_t i = 0; i < call.operands.size(); ++i) {
    if (is_weight(graph, {index, i}))
      roots.push_back(weight_root(graph, {index, i}, graph.value_of(call.operands[i])));
  }
  if (roots.size() != 1 || !roots[0].has_one_reader || !is_parameter(graph, roots[0].value) ||
      !roots[0].channel_axis.has_value())
    return false;
  fold.product = index;
  fold.weight = roots[0].value;
  fold.channel_axis = *roots[0].channel_axis;
  fold.weight_call = roots[0].reader.call;
  // Channels are axis 1 of [N, C, ...] to a batch norm, the last one to a matrix product. A grouped
  // transposed convolution has the channels of one group only in its weight.
  const std::vector<int64_t>& result = graph.value(call.results[0]).shape;
  const std::vector<int64_t>& weight = graph.value(fold.weight).shape;
  if (result.size() != (is_matrix ? 2 : weight.size()) ||
      weight[static_cast<size_t>(fold.channel_axis)] != result[1])
    return false;
  if (call.op->bias < 0)
    return true;
  const auto bias = static_cast<size_t>(call.op->bias);
  fold.bias = value_at(graph, call, bias);
  fold.bias_place = {index, bias};
  return is_absent_or_parameter(graph, call, bias);
}

// An addition of a parameter to the product's result.
bool add_bias(const CallGraph& graph, size_t index, BatchNormFold& fold) {
  const Call& call = graph.calls()[index];
  if (call.op->site != "add" || call.is_scaled || call.operands.size() != 2)
    return false;
  for (size_t i = 0; i < 2; ++i) {
    const Value* product = private_result(graph, &call.operands[i]);
    const Operand& other = call.operands[1 - i];
    const ValueId bias = graph.value_of(other);
    if (product == nullptr || !is_parameter(graph, bias) || graph.value(bias).shape.size() != 1)
      continue;
    if (!add_product(graph, product->call, fold) || fold.bias != kConstant ||
        graph.value(bias).shape[0] != graph.value(call.results[0]).shape[1])
      return false;
    fold.bias = bias;
    fold.bias_place = {index, other.argument};
    return true;
  }
  return false;
}

}  // namespace

std::vector<BatchNormFold> foldable_batch_norms(const CallGraph& graph) {
  std::vector<BatchNormFold> folds;
  for (size_t norm = 0; norm < graph.calls().size(); ++norm) {
    const Call& call = graph.calls()[norm];
    if (call.kind != OperatorKind::kNorm || !has_own_statistics(graph, call))
      continue;
    const Value* value = private_result(graph, find_operand(call, 0));
    if (value == nullptr)
      continue;
    BatchNormFold fold{};
    fold.norm = norm;
    fold.bias = kConstant;
    fold.scale = value_at(graph, call, kScale);
    fold.shift = value_at(graph, call, kShift);
    fold.mean = value_at(graph, call, kMean);
    fold.variance = value_at(graph, call, kVariance);
    if (add_product(graph, value->call, fold) || add_bias(graph, value->call, fold))
      folds.push_back(fold);
  }
  return folds;
}

FoldedWeights fold_batch_norm(const at::Tensor& weight, int64_t channel_axis,
                              const at::Tensor& bias, const BatchNormTensors& norm) {
  at::Tensor factor = at::rsqrt(norm.variance + norm.epsilon);
  if (norm.scale.defined())
    factor = factor * norm.scale;
  std::vector<int64_t> shape(static_cast<size_t>(weight.dim()), 1);
  shape[static_cast<size_t>(channel_axis)] = -1;
  at::Tensor folded_bias = (bias.defined() ? bias - norm.mean : -norm.mean) * factor;
  if (norm.shift.defined())
    folded_bias = folded_bias + norm.shift;
  return {weight * factor.reshape(shape), folded_bias};
}

}  // namespace ff::model
