#include "model/weight_root.h"

namespace ff::model {
namespace {

int64_t wrapped(int64_t axis, size_t dims) {
  return axis < 0 ? axis + static_cast<int64_t>(dims) : axis;
}

// Of the weight as the product gets it.
std::optional<int64_t> channel_axis(const CallGraph& graph, const Reader& weight, ValueId value) {
  const Call& call = graph.calls()[weight.call];
  const size_t dims = graph.value(value).shape.size();
  if (call.op->channel_axis == kNoAxis || dims < 2)
    return std::nullopt;
  // Rows of a matrix that stands left, columns of one that stands right.
  const bool is_left = call.op->weights.empty() && !call.op->operands.empty() &&
                       call.operands[weight.operand].argument == call.op->operands[0];
  constexpr int64_t kRows = -2;
  return wrapped(is_left ? kRows : call.op->channel_axis, dims);
}

}  // namespace

bool is_weight(const CallGraph& graph, const Reader& reader) {
  const Call& call = graph.calls()[reader.call];
  const Operand& operand = call.operands[reader.operand];
  if (!graph.is_of_parameters(graph.value_of(operand)))
    return false;
  // Biases stand among the weights of a recurrent layer; they have one axis.
  if (contains(call.op->weights, operand.argument))
    return graph.value(graph.value_of(operand)).shape.size() >= 2;
  return call.kind == OperatorKind::kProduct && contains(call.op->operands, operand.argument);
}

WeightRoot weight_root(const CallGraph& graph, const Reader& weight, ValueId value) {
  WeightRoot root{value, weight, channel_axis(graph, weight, value)};
  while (true) {
    const Value& known = graph.value(root.value);
    root.has_one_reader = root.has_one_reader && known.readers.size() == 1 && !known.is_returned;
    if (known.kind != Value::Kind::kResult)
      return root;
    const Call& maker = graph.calls()[known.call];
    const ValueId source =
        maker.operands.size() == 1 ? graph.value_of(maker.operands[0]) : kConstant;
    if (maker.kind != OperatorKind::kStructural || !graph.is_of_parameters(source))
      return root;
    root.has_one_reader = root.has_one_reader && maker.results.size() == 1;
    if (root.channel_axis.has_value() && !maker.axes.empty())
      root.channel_axis = maker.axes[static_cast<size_t>(*root.channel_axis)];
    else
      root.channel_axis = std::nullopt;
    root.reader = {known.call, 0};
    root.value = source;
  }
}

}  // namespace ff::model
