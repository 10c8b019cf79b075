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

  // A chain, and what is inside of it: the calls behind its first one, and what they read.
  struct Found {
    Chain chain;
    std::vector<Reader> behind;
    std::vector<ValueId> inner;
  };

  bool is_read_once(ValueId value) const {
    return can_be_followed(graph_, value) && graph_.value(value).readers.size() == 1;
  }

  // The chain that begins with a call and ends on a grid.
  std::optional<Found> chain_to_grid(size_t index) const {
    ValueId value = result_of(index);
    Found found;
    found.chain.end = value;
    while (!place_of_[static_cast<size_t>(value)].has_value()) {
      if (!begins_chains(graph_.calls()[index].kind) || !is_read_once(value))
        return std::nullopt;
      const Reader reader = graph_.value(value).readers[0];
      const bool is_join = graph_.calls()[reader.call].op->site == "cat";
      if (!is_join &&
          !extend(found.chain, reader, found.behind.empty() && is_matrix_product(index)))
        return std::nullopt;
      found.inner.push_back(value);
      found.behind.push_back(reader);
      value = result_of(reader.call);
      if (value < 0 || calls_[reader.call].gives_values)
        return std::nullopt;
      if (is_join)
        break;
      found.chain.end = value;
    }
    found.chain.place = place_of_[static_cast<size_t>(value)];
    return found.chain.place.has_value() ? std::optional(std::move(found)) : std::nullopt;
  }

  // The chain that begins with a call and ends in front of an operator that works in blocks. Values
  // are not clamped before they are quantized.
  std::optional<Found> chain_to_blocks(size_t index) const {
    ValueId value = result_of(index);
    Found found;
    found.chain.end = value;
    while (graph_.calls()[index].kind == K::kProduct && is_read_once(value)) {
      const Reader reader = graph_.value(value).readers[0];
      Chain longer = found.chain;
      if (!extend(longer, reader, found.behind.empty() && is_matrix_product(index)) ||
          longer.minimum > found.chain.minimum)
        break;
      found.chain = std::move(longer);
      found.inner.push_back(value);
      found.behind.push_back(reader);
      value = result_of(reader.call);
      if (value < 0 || calls_[reader.call].gives_values)
        return std::nullopt;
      found.chain.end = value;
    }
    return is_read_in_blocks(value) ? std::optional(std::move(found)) : std::nullopt;
  }

  // True if one operator reads a value that nobody quantizes, and it works in blocks.
  bool is_read_in_blocks(ValueId value) const {
    static const std::unordered_set<std::string> kOthers = {
        "softmax", "log_softmax", "layer_norm", "rms_norm", "add", "sub", "mul", "div"};
    if (place_of_[static_cast<size_t>(value)].has_value() || !is_read_once(value))
      return false;
    const Call& call = graph_.calls()[graph_.value(value).readers[0].call];
    return call.kind == K::kActivation || kOthers.count(call.op->site) != 0;
  }

  std::optional<Found> find_chain(size_t index) const {
    const ValueId value = result_of(index);
    if (value < 0 || graph_.calls()[index].results.size() != 1 || calls_[index].gives_values)
      return std::nullopt;
    std::optional<Found> found = chain_to_grid(index);
    return found.has_value() ? found : chain_to_blocks(index);
  }

  void add_chain(size_t index) {
    if (calls_[index].is_behind)
      return;
    std::optional<Found> found = find_chain(index);
    if (!found.has_value())
      return;
    calls_[index].chain = std::move(found->chain);
    for (size_t i = 0; i < found->behind.size(); ++i) {
      const size_t call = found->behind[i].call;
      calls_[call].is_behind = graph_.calls()[call].kind != K::kJoin;
      inner_readers_[static_cast<size_t>(found->inner[i])] = call;
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
