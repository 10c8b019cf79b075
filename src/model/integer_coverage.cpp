#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "dispatch/registry.h"
#include "fastforward/tensor/quantized_tensor.h"
#include "integer/block_operators.h"
#include "integer/grid.h"
#include "model/integer_runner.h"
#include "model/plain_values.h"

// How each call of a model runs in integers, for its coverage.
namespace ff::model {
namespace {

bool has_quantized(c10::ArrayRef<c10::IValue> arguments) {
  return std::any_of(arguments.begin(), arguments.end(), [](const c10::IValue& argument) {
    return is_quantized_value(argument) ||
           (argument.isTensorList() && std::any_of(argument.toListRef().begin(),
                                                   argument.toListRef().end(), is_quantized_value));
  });
}

}  // namespace

// The first place on whose grid an operand is, and why integers do not take it; empty if they do.
std::string IntegerRunner::why_not_on_grid(size_t index) {
  std::vector<std::pair<size_t, size_t>> places = program().plan.calls[index].reads;
  const auto& grids = program().integers.calls[index].grids;
  places.insert(places.end(), grids.begin(), grids.end());
  for (const auto& [operand, place] : places) {
    const std::optional<BoundQuantizationFunction> function = fixed_function(place);
    if (!function.has_value())
      continue;
    // A weight may have many scales.
    const bool is_weight = program().plan.places[place].kind == Place::Kind::kWeight;
    const std::string reason =
        is_weight ? integer::why_no_codes(*function) : integer::grid_of(*function).why_not;
    if (!reason.empty())
      return std::string(is_weight ? "the weight's grid of " : "the grid of ") +
             program().place_names[place].site + ": " + reason;
  }
  return "";
}

// Says that an implementation takes the call, or why none does.
std::string IntegerRunner::how_it_runs(const Meeting& meeting, size_t index) {
  std::vector<dispatch::Refusal> refusals;
  const dispatch::Found found = dispatch::find_implementation(
      meeting.op.operator_name(), dispatch::OperatorCall(meeting.op.schema(), meeting.arguments()),
      &refusals);
  const bool is_any_quantized = has_quantized(meeting.arguments());
  if (found && is_any_quantized)
    return found.implementation->name == integer::kInBlocks ? integer::kInBlocks : "codes";
  const std::string why_not = why_not_on_grid(index);
  if (!why_not.empty())
    return "float: " + why_not;
  if (!is_any_quantized)
    return "float: no operand is in codes";
  if (contains(meeting.info.written, 0) && meeting.op.schema().is_mutable())
    return "float: it writes to memory that others see";
  return refusals.empty() ? "float: there is no integer form of " + meeting.info.name
                          : "float: " + refusals.front().reason;
}

// Notes how a call runs, unless the same operands were in codes before, and the result went the
// same way.
void IntegerRunner::note(const Meeting& meeting, size_t index) {
  constexpr size_t kBits = 30;
  uint32_t conditions = output_.function.has_value() ? 1 : output_.is_read_in_blocks ? 2 : 0;
  const c10::ArrayRef<c10::IValue> arguments = meeting.arguments();
  for (size_t i = 0; i < std::min(arguments.size(), kBits); ++i) {
    if (has_quantized(arguments[i]))
      conditions |= uint32_t{4} << i;
  }
  if (!binding().knows_integers(index, conditions))
    binding().note_integers(index, conditions, how_it_runs(meeting, index));
}

}  // namespace ff::model
