#include "model/integer_plan.h"

#include <algorithm>
#include <unordered_set>

namespace ff::model {
namespace {

using K = OperatorKind;

// Functions that clamp, whatever their arguments are: those that have others have other names.
bool clamp_limits(const Call& call, float& minimum, float& maximum) {
  constexpr float kSix = 6;
  if (call.kind != K::kActivation || (call.op->site != "relu" && call.op->site != "relu6"))
    return false;
  minimum = std::max(minimum, 0.0F);
  maximum = std::max(maximum, 0.0F);
  if (call.op->site == "relu6") {
    minimum = std::min(minimum, kSix);
    maximum = std::min(maximum, kSix);
  }
  return true;
}

class IntegerPlanner {
 public:
  IntegerPlanner(const CallGraph& graph, const Plan& plan)
      : graph_(graph),
        plan_(plan),
        calls_(graph.calls().size()),
        inner_readers_(graph.values().size()),
        place_of_(graph.values().size()) {
    for (size_t place = 0; place < plan.places.size(); ++place) {
      if (plan.places[place].kind == Place::Kind::kResult && plan.places[place].readers.empty())
        place_of_[static_cast<size_t>(plan.places[place].value)] = place;
    }
  }

  IntegerPlan make() {
    for (size_t index = calls_.size(); index-- > 0;) {
      calls_[index].gives_values = calls_[index].gives_values || gives_values(index);
      if (calls_[index].gives_values)
        give_values_before(index);
      add_grids(index);
    }
    for (size_t index = 0; index < calls_.size(); ++index)
      add_chain(index);
    return {std::move(calls_), std::move(inner_readers_)};
  }

 private:
  ValueId result_of(size_t call) const {
    const std::vector<ValueId>& results = graph_.calls()[call].results;
    return results.empty() ? kConstant : results[0];
  }

  // True if what is written to the memory of a value must be seen by others than who has its
  // tensor.
  bool gives_values(size_t index) const {
    const ValueId id = result_of(index);
    if (id < 0 || !graph_.value(id).is_written_later)
      return false;
    const std::vector<Reader>& readers = graph_.value(id).readers;
    return graph_.value(id).is_handed_on || graph_.calls()[index].is_view_of_written ||
           std::any_of(readers.begin(), readers.end(), [&](const Reader& reader) {
             return graph_.calls()[reader.call].is_view_of_written;
           });
  }

  // What a call hands on or writes to is its result too.
  void give_values_before(size_t index) {
    const Call& call = graph_.calls()[index];
    for (const Operand& operand : call.operands) {
      const bool is_result = contains(call.op->written, operand.argument) ||
                             (plan_.calls[index].folded_norm.has_value() && operand.argument == 0);
      for (const ValueId id : operand.values) {
        if (is_result && id >= 0 && graph_.value(id).kind == Value::Kind::kResult)
          calls_[graph_.value(id).call].gives_values = true;
      }
    }
  }

  // The place whose grid a value is on, if it is quantized where it comes from.
  std::optional<size_t> grid_of(ValueId id) const {
    // These put zeros in.
    static const std::unordered_set<std::string> kFill = {"pad", "im2col", "pad_packed_sequence"};
    while (id >= 0 && graph_.value(id).kind == Value::Kind::kResult) {
      if (const std::optional<size_t> place = place_of_[static_cast<size_t>(id)])
        return place;
      const size_t maker = graph_.value(id).call;
      const Call& call = graph_.calls()[maker];
      if (!plan_.calls[maker].keeps_grid || kFill.count(call.op->site) != 0)
        return std::nullopt;
      id = graph_.value_of(call.operands[0]);
    }
    return std::nullopt;
  }

  void add_grids(size_t index) {
    const std::vector<Operand>& operands = graph_.calls()[index].operands;
    for (size_t i = 0; i < operands.size(); ++i) {
      if (operands[i].values.size() != 1 || !reads_on_grid(graph_, {index, i}))
        continue;
      if (const std::optional<size_t> place = grid_of(operands[i].values[0]))
        calls_[index].grids.emplace_back(i, *place);
    }
  }

  // Adds what a call does with the result so far; false if a chain cannot go on with it.
  bool extend(Chain& chain, const Reader& reader, bool is_first) const {
    const Call& call = graph_.calls()[reader.call];
    if (const std::optional<size_t> fold = plan_.calls[reader.call].folded_norm) {
      chain.folds.push_back(*fold);
      if (!plan_.folds[*fold].bias_place.has_value())
        chain.fold_bias = fold;
      return true;
    }
    if (clamp_limits(call, chain.minimum, chain.maximum))
      return true;
    return is_first && add_bias(chain, reader);
  }

  // x + bias behind a matrix product, as torch::nn::Linear does it: channels are the last axis.
  bool add_bias(Chain& chain, const Reader& reader) const {
    const Call& call = graph_.calls()[reader.call];
    const auto& [operand, product] = std::pair(reader.operand, result_of(reader.call));
    if (call.op->site != "add" || call.is_scaled || call.operands.size() != 2 || product < 0)
      return false;
    const ValueId bias = graph_.value_of(call.operands[1 - operand]);
    if (bias < 0 || graph_.value(bias).kind != Value::Kind::kParameter ||
        graph_.value(bias).shape.size() != 1 || graph_.value(product).shape.empty() ||
        graph_.value(bias).shape[0] != graph_.value(product).shape.back())
      return false;
    chain.bias = bias;
    return true;
  }

  bool is_matrix_product(size_t index) const {
    const Call& call = graph_.calls()[index];
    return call.kind == K::kProduct && call.op->bias < 0 && call.op->site == "matmul";
  }

  static bool begins_chains(K kind) {
    return kind == K::kProduct || kind == K::kArithmetic || kind == K::kActivation ||
           kind == K::kAverage;
  }

  void add_chain(size_t index) {
    ValueId value = result_of(index);
    ValueId end = value;
    if (value < 0 || calls_[index].is_behind || graph_.calls()[index].results.size() != 1 ||
        calls_[index].gives_values)
      return;
    Chain chain{};
    std::vector<Reader> behind;
    std::vector<ValueId> inner;
    while (!place_of_[static_cast<size_t>(value)].has_value()) {
      if (!begins_chains(graph_.calls()[index].kind) || !can_be_followed(graph_, value) ||
          graph_.value(value).readers.size() != 1)
        return;
      const Reader reader = graph_.value(value).readers[0];
      const bool is_join = graph_.calls()[reader.call].op->site == "cat";
      if (!is_join && !extend(chain, reader, behind.empty() && is_matrix_product(index)))
        return;
      inner.push_back(value);
      behind.push_back(reader);
      value = result_of(reader.call);
      if (value < 0 || calls_[reader.call].gives_values)
        return;
      if (is_join)
        break;
      end = value;
    }
    const std::optional<size_t> place = place_of_[static_cast<size_t>(value)];
    if (!place.has_value())
      return;
    chain.place = *place;
    chain.end = end;
    calls_[index].chain = std::move(chain);
    for (size_t i = 0; i < behind.size(); ++i) {
      calls_[behind[i].call].is_behind = graph_.calls()[behind[i].call].kind != K::kJoin;
      inner_readers_[static_cast<size_t>(inner[i])] = behind[i].call;
    }
  }

  const CallGraph& graph_;
  const Plan& plan_;
  std::vector<IntegerCall> calls_;
  std::vector<std::optional<size_t>> inner_readers_;
  std::vector<std::optional<size_t>> place_of_;
};

}  // namespace

IntegerPlan make_integer_plan(const CallGraph& graph, const Plan& plan) {
  return IntegerPlanner(graph, plan).make();
}

}  // namespace ff::model
