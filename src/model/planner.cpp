#include "model/planner.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "model/batch_norm_folding.h"

namespace ff::model {
namespace {

using K = OperatorKind;

bool contains(const std::vector<size_t>& positions, size_t position) {
  return std::find(positions.begin(), positions.end(), position) != positions.end();
}

const Operand& operand_of(const CallGraph& graph, const Reader& reader) {
  return graph.calls()[reader.call].operands[reader.operand];
}

bool is_grid_operand(const CallGraph& graph, const Reader& reader) {
  return contains(graph.calls()[reader.call].op->operands, operand_of(graph, reader).argument);
}

// Follows grids through the graph: which values somebody wants on one.
class Planner {
 public:
  Planner(const CallGraph& graph, const PlanOptions& options) : graph_(graph) {
    plan_.calls.resize(graph.calls().size());
    plan_.wanted.resize(graph.values().size());
    if (options.fold_batch_norms)
      fold_batch_norms();
  }

  Plan make() {
    find_wanted();
    for (size_t call = 0; call < graph_.calls().size(); ++call)
      add_weights(call);
    for (const ValueId input : graph_.inputs())
      add_input(input);
    for (size_t call = 0; call < graph_.calls().size(); ++call)
      add_results(call);
    return std::move(plan_);
  }

 private:
  bool is_wanted(ValueId value) const {
    return value >= 0 && plan_.wanted[static_cast<size_t>(value)];
  }

  bool any_result_wanted(const Call& call) const {
    return std::any_of(call.results.begin(), call.results.end(),
                       [&](ValueId value) { return is_wanted(value); });
  }

  void fold_batch_norms() {
    for (const BatchNormFold& fold : foldable_batch_norms(graph_)) {
      plan_.calls[fold.product].folded_norm = fold.norm;
      plan_.calls[fold.norm].folded_into = fold.product;
    }
  }

  // A value is quantized after the function that follows it, where that is all that reads it.
  bool is_quantized_after(const Reader& reader) const {
    const ValueId id = graph_.value_of(operand_of(graph_, reader));
    if (id < 0)
      return false;
    const Value& value = graph_.value(id);
    return value.kind == Value::Kind::kResult && value.readers.size() == 1 && !value.is_returned &&
           can_be_followed(graph_.calls()[value.call].kind);
  }

  bool wants(const Reader& reader) const {
    const Call& call = graph_.calls()[reader.call];
    if (!is_grid_operand(graph_, reader) || is_weight(graph_, reader))
      return false;
    switch (call.kind) {
      case K::kProduct:
        return true;
      case K::kActivation:
        return any_result_wanted(call) && !is_quantized_after(reader);
      case K::kArithmetic:
      case K::kAverage:
      case K::kPass:
      case K::kStructural:
        return any_result_wanted(call);
      case K::kNorm:
      case K::kJoin:
      case K::kLookup:
      case K::kFloat:
        return false;
    }
    return false;
  }

  void find_wanted() {
    for (bool changed = true; changed;) {
      changed = false;
      for (size_t id = graph_.values().size(); id-- > 0;) {
        const Value& value = graph_.values()[id];
        if (plan_.wanted[id] || value.is_of_parameters)
          continue;
        plan_.wanted[id] = std::any_of(value.readers.begin(), value.readers.end(),
                                       [&](const Reader& reader) { return wants(reader); });
        changed = changed || plan_.wanted[id];
      }
    }
  }

  void add_place(Place place) {
    const size_t index = plan_.places.size();
    for (const Reader& reader : place.readers)
      plan_.calls[reader.call].reads.emplace_back(reader.operand, index);
    if (place.kind == Place::Kind::kResult && place.readers.empty())
      plan_.calls[place.call].results.emplace_back(graph_.value(place.value).result, index);
    plan_.places.push_back(std::move(place));
  }

  // Weights are quantized where the parameter is touched first, before t() and the like.
  void add_weights(size_t call) {
    const std::vector<Operand>& operands = graph_.calls()[call].operands;
    for (size_t i = 0; i < operands.size(); ++i) {
      if (!is_weight(graph_, {call, i}))
        continue;
      for (const ValueId value : operands[i].values)
        add_weight(call, {call, i}, value);
    }
  }

  static std::optional<int64_t> channel_axis(const Call& call, const Operand& operand) {
    if (call.op->channel_axis == kNoAxis)
      return std::nullopt;
    // Rows of a matrix that stands left, columns of one that stands right.
    const bool is_left = call.op->weights.empty() && operand.argument == call.op->operands[0];
    return is_left ? -2 : call.op->channel_axis;
  }

  void add_weight(size_t call, Reader reader, ValueId value) {
    std::optional<int64_t> axis =
        channel_axis(graph_.calls()[call], graph_.calls()[call].operands[reader.operand]);
    while (graph_.value(value).kind == Value::Kind::kResult) {
      const Call& maker = graph_.calls()[graph_.value(value).call];
      const ValueId source =
          maker.operands.size() == 1 ? graph_.value_of(maker.operands[0]) : kConstant;
      if (maker.kind != K::kStructural || !graph_.is_of_parameters(source))
        break;
      if (axis.has_value() && !maker.axes.empty()) {
        const auto dims = static_cast<int64_t>(maker.axes.size());
        axis = maker.axes[static_cast<size_t>(*axis < 0 ? *axis + dims : *axis)];
      } else {
        axis = std::nullopt;
      }
      reader = {graph_.value(value).call, 0};
      value = source;
    }
    const auto known =
        std::find_if(plan_.places.begin(), plan_.places.end(), [&](const Place& place) {
          return place.kind == Place::Kind::kWeight && place.value == value;
        });
    if (known == plan_.places.end()) {
      add_place({Place::Kind::kWeight, value, call, axis, {reader}});
      return;
    }
    if (std::find(known->readers.begin(), known->readers.end(), reader) != known->readers.end())
      return;
    known->readers.push_back(reader);
    plan_.calls[reader.call].reads.emplace_back(reader.operand,
                                                static_cast<size_t>(known - plan_.places.begin()));
  }

  std::vector<Reader> wanting_readers(const Value& value) const {
    std::vector<Reader> wanting;
    std::copy_if(value.readers.begin(), value.readers.end(), std::back_inserter(wanting),
                 [&](const Reader& reader) { return wants(reader); });
    return wanting;
  }

  // Inputs belong to the caller: who reads them quantizes them.
  void add_input(ValueId input) {
    if (is_wanted(input))
      add_place({Place::Kind::kInput, input, 0, {}, wanting_readers(graph_.value(input))});
  }

  // The grid of an operand, where the call has results on it.
  bool keeps_a_grid(const Call& call) const {
    return (call.kind == K::kPass || call.kind == K::kStructural) && !call.operands.empty() &&
           is_wanted(graph_.value_of(call.operands[0]));
  }

  void add_results(size_t index) {
    const Call& call = graph_.calls()[index];
    if (keeps_a_grid(call))
      return;
    for (const ValueId id : call.results) {
      if (!is_wanted(id))
        continue;
      const Value& value = graph_.value(id);
      Place place{Place::Kind::kResult, id, index, {}, {}};
      place.is_nonnegative = is_nonnegative(call);
      std::vector<Reader> wanting = wanting_readers(value);
      const bool all_want = wanting.size() == value.readers.size() && !value.is_returned;
      // What was written through a view is no result of an operator.
      const bool is_made_here = call.op->name.find("::") != std::string::npos;
      if (!all_want || !is_made_here)
        place.readers = std::move(wanting);
      add_place(std::move(place));
    }
  }

  bool is_nonnegative(const Call& call) const {
    static const std::unordered_set<std::string> kNonnegative = {
        "relu", "relu6", "sigmoid", "hardsigmoid", "softmax", "abs", "exp", "square", "sqrt"};
    return kNonnegative.count(call.op->site) != 0;
  }

  const CallGraph& graph_;
  Plan plan_;
};

}  // namespace

bool can_be_followed(OperatorKind kind) {
  return kind != K::kPass && kind != K::kStructural && kind != K::kJoin;
}

bool is_weight(const CallGraph& graph, const Reader& reader) {
  const Call& call = graph.calls()[reader.call];
  const Operand& operand = call.operands[reader.operand];
  if (!graph.is_of_parameters(graph.value_of(operand)))
    return false;
  // Biases stand among the weights of a recurrent layer; they have one axis.
  if (contains(call.op->weights, operand.argument))
    return graph.value(graph.value_of(operand)).shape.size() >= 2;
  return call.kind == K::kProduct && contains(call.op->operands, operand.argument);
}

bool reads_on_grid(const CallGraph& graph, const Reader& reader) {
  return is_grid_operand(graph, reader) && !is_weight(graph, reader);
}

Plan make_plan(const CallGraph& graph, const PlanOptions& options) {
  return Planner(graph, options).make();
}

}  // namespace ff::model
