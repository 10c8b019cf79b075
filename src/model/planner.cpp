#include "model/planner.h"

#include <algorithm>
#include <unordered_set>

#include "model/weight_root.h"

namespace ff::model {
namespace {

using K = OperatorKind;

const Operand& operand_of(const CallGraph& graph, const Reader& reader) {
  return graph.calls()[reader.call].operands[reader.operand];
}

// What stands in the place of a weight and is computed from the inputs is an operand like others.
bool is_grid_operand(const CallGraph& graph, const Reader& reader) {
  const Call& call = graph.calls()[reader.call];
  const size_t argument = operand_of(graph, reader).argument;
  return contains(call.op->operands, argument) ||
         (call.kind == K::kProduct && contains(call.op->weights, argument) &&
          graph.value_of(operand_of(graph, reader)) >= 0);
}

// Follows grids through the graph: which values somebody wants on one.
class Planner {
 public:
  Planner(const CallGraph& graph, const PlanOptions& options) : graph_(graph) {
    plan_.calls.resize(graph.calls().size());
    plan_.wanted.resize(graph.values().size());
    only_wanted_.resize(graph.values().size());
    if (options.fold_batch_norms)
      fold_batch_norms();
  }

  Plan make() {
    find_wanted();
    for (size_t call = 0; call < graph_.calls().size(); ++call) {
      plan_.calls[call].keeps_grid = keeps_grid(call);
      add_weights(call);
    }
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

  // Also if it is the function behind that is quantized, as of a sum before relu.
  bool any_result_wanted(const Call& call) const {
    return std::any_of(call.results.begin(), call.results.end(), [&](ValueId value) {
      if (is_wanted(value))
        return true;
      if (value < 0 || !can_be_followed(graph_, value))
        return false;
      const std::vector<Reader>& readers = graph_.value(value).readers;
      return std::any_of(readers.begin(), readers.end(), [&](const Reader& reader) {
        const Call& next = graph_.calls()[reader.call];
        return next.kind == K::kActivation && is_grid_operand(graph_, reader) &&
               any_result_wanted(next);
      });
    });
  }

  // What somebody reads in float is not moved on a grid: who wants one quantizes it behind.
  bool only_wanted(const Call& call) const {
    bool any = false;
    for (const ValueId id : call.results) {
      if (id < 0 || (graph_.value(id).readers.empty() && !graph_.value(id).is_returned))
        continue;
      if (!only_wanted_[static_cast<size_t>(id)])
        return false;
      any = true;
    }
    return any;
  }

  void fold_batch_norms() {
    plan_.folds = foldable_batch_norms(graph_);
    for (size_t i = 0; i < plan_.folds.size(); ++i) {
      const BatchNormFold& fold = plan_.folds[i];
      plan_.calls[fold.weight_call].folded_weight = i;
      plan_.calls[fold.norm].folded_norm = i;
      if (fold.bias_place.has_value())
        plan_.calls[fold.bias_place->first].folded_bias = i;
    }
  }

  bool wants(const Reader& reader) const {
    const Call& call = graph_.calls()[reader.call];
    if (!is_grid_operand(graph_, reader) || is_weight(graph_, reader))
      return false;
    switch (call.kind) {
      case K::kProduct:
        return true;
      case K::kActivation:
        return any_result_wanted(call) &&
               !can_be_followed(graph_, graph_.value_of(operand_of(graph_, reader)));
      case K::kArithmetic:
      case K::kAverage:
        return any_result_wanted(call);
      case K::kPass:
      case K::kStructural:
        return only_wanted(call) && !call.is_view_of_written;
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
        if (only_wanted_[id] || value.is_of_parameters)
          continue;
        const size_t wanting = wanting_readers(value).size();
        changed = changed || (wanting > 0 && !plan_.wanted[id]);
        plan_.wanted[id] = wanting > 0;
        only_wanted_[id] = wanting > 0 && wanting == value.readers.size() && !value.is_returned;
        changed = changed || only_wanted_[id];
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
    // What is made of parameters only is a weight itself, for who reads it. Constants may be a
    // state.
    const std::vector<Operand>& operands = graph_.calls()[call].operands;
    if (graph_.calls()[call].kind == K::kProduct &&
        std::all_of(operands.begin(), operands.end(), [&](const Operand& operand) {
          return graph_.is_of_parameters(graph_.value_of(operand));
        }))
      return;
    for (size_t i = 0; i < operands.size(); ++i) {
      if (!is_weight(graph_, {call, i}))
        continue;
      for (const ValueId value : operands[i].values)
        add_weight({call, i}, value);
    }
  }

  void add_weight(const Reader& weight, ValueId value) {
    const WeightRoot root = weight_root(graph_, weight, value);
    const auto known =
        std::find_if(plan_.places.begin(), plan_.places.end(), [&](const Place& place) {
          return place.kind == Place::Kind::kWeight && place.value == root.value;
        });
    if (known == plan_.places.end()) {
      add_place({Place::Kind::kWeight, root.value, weight.call, root.channel_axis, {root.reader}});
      return;
    }
    if (std::find(known->readers.begin(), known->readers.end(), root.reader) !=
        known->readers.end())
      return;
    known->readers.push_back(root.reader);
    plan_.calls[root.reader.call].reads.emplace_back(
        root.reader.operand, static_cast<size_t>(known - plan_.places.begin()));
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

  bool keeps_grid(size_t index) const {
    const Call& call = graph_.calls()[index];
    return (call.kind == K::kPass || call.kind == K::kStructural) && !call.operands.empty() &&
           is_wanted(graph_.value_of(call.operands[0])) && wants({index, 0});
  }

  void add_results(size_t index) {
    const Call& call = graph_.calls()[index];
    if (plan_.calls[index].keeps_grid)
      return;
    for (const ValueId id : call.results) {
      if (!is_wanted(id))
        continue;
      const Value& value = graph_.value(id);
      Place place{Place::Kind::kResult, id, index, {}, {}};
      place.is_nonnegative = is_nonnegative(call);
      // What was written through a view is no result of an operator, and a view that is written to
      // must stay one.
      const bool is_made_here =
          call.op->name.find("::") != std::string::npos && !call.is_view_of_written;
      if (!only_wanted_[static_cast<size_t>(id)] || !is_made_here)
        place.readers = wanting_readers(value);
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
  // For each value, true if all its readers want it on a grid and the model does not return it.
  std::vector<bool> only_wanted_;
};

}  // namespace

bool can_be_followed(const CallGraph& graph, ValueId id) {
  if (id < 0)
    return false;
  const Value& value = graph.value(id);
  if (value.kind != Value::Kind::kResult || value.readers_at_once != 1 || value.is_returned)
    return false;
  const K kind = graph.calls()[value.call].kind;
  return kind != K::kPass && kind != K::kStructural && kind != K::kJoin;
}

bool reads_on_grid(const CallGraph& graph, const Reader& reader) {
  return is_grid_operand(graph, reader) && !is_weight(graph, reader);
}

Plan make_plan(const CallGraph& graph, const PlanOptions& options) {
  return Planner(graph, options).make();
}

}  // namespace ff::model
