#include "model/parity_runner.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/abs.h>

#include <algorithm>

#include "dispatch/registry.h"
#include "fastforward/dispatch/integer_guard.h"
#include "fastforward/dispatch/strict.h"
#include "fastforward/tensor/quantized_tensor.h"
#include "integer/grid.h"
#include "model/functional_form.h"
#include "model/stack_values.h"

namespace ff::model {

// Values that are on the grid of a place in codes; the values where integers do not take them.
at::Tensor ParityRunner::codes_of(size_t place, const at::Tensor& values) {
  return keep_error([&] {
    const at::Tensor quantized = quantizer(place).ptr()->forward(values.detach());
    const bool is_taken = is_quantized(quantized) && integer::grid_of(quantized).grid.has_value();
    return is_taken ? quantized : values;
  });
}

at::Tensor ParityRunner::weight_in_codes(size_t place, size_t index, const Operand& operand) {
  const std::optional<size_t> fold = program().plan.calls[index].folded_weight;
  const at::Tensor weight = element_of(given_[operand.argument], operand.element);
  return binding()
      .quantized_weight(place, weight, fold.has_value() ? &program().plan.folds[*fold] : nullptr,
                        tensors(), WeightForm::kCodes)
      .weight;
}

torch::jit::Stack ParityRunner::operands_in_codes(const Meeting& meeting, size_t index) {
  const Call& call = program().recording.graph.calls()[index];
  torch::jit::Stack arguments = meeting.arguments().vec();
  const auto replace = [&](const Operand& operand, const at::Tensor& tensor) {
    arguments[operand.argument] =
        with_element(arguments[operand.argument], operand.element, tensor);
  };
  for (const Operand& operand : call.operands) {
    if (operand.values.size() != 1)
      continue;
    const auto known = in_codes_.find(operand.values[0]);
    if (known != in_codes_.end())
      replace(operand, known->second);
  }
  const CallPlan& plan = program().plan.calls[index];
  for (const auto& [operand, place] : plan.reads) {
    const Operand& where = call.operands[operand];
    if (program().plan.places[place].kind == Place::Kind::kWeight)
      replace(where, weight_in_codes(place, index, where));
    else
      replace(where, codes_of(place, meeting.tensor(where.argument, where.element)));
  }
  for (const auto& [operand, place] : program().integers.calls[index].grids) {
    const Operand& where = call.operands[operand];
    if (in_codes_.count(where.values[0]) == 0)
      replace(where, codes_of(place, meeting.tensor(where.argument, where.element)));
  }
  return arguments;
}

// True if what a call writes to is in codes when it runs in integers.
bool ParityRunner::writes_to_codes(size_t index) const {
  const CallGraph& graph = program().recording.graph;
  const Call& call = graph.calls()[index];
  const IntegerPlan& integers = program().integers;
  return std::any_of(integers.calls[index].grids.begin(), integers.calls[index].grids.end(),
                     [&](const auto& grid) {
                       const Operand& operand = call.operands[grid.first];
                       const Value& value = graph.value(operand.values[0]);
                       return contains(call.op->written, operand.argument) &&
                              value.kind == Value::Kind::kResult &&
                              !integers.calls[value.call].gives_values;
                     });
}

// What the call gives in integers; undefined where no form takes it.
at::Tensor ParityRunner::run_in_integers(const Meeting& meeting, size_t index) {
  std::optional<c10::OperatorHandle> op = meeting.op;
  if (!meeting.info.written.empty())
    op = writes_to_codes(index) ? functional_form(meeting.op) : std::nullopt;
  if (!op.has_value())
    return {};
  torch::jit::Stack stack = operands_in_codes(meeting, index);
  const IntegerGuard integers;
  const StrictGuard relaxed(false);
  ChainOutput output = chain_output(index);
  output.is_read_in_blocks = false;  // values are compared
  const dispatch::OutputScope scope(output.wanted());
  const dispatch::Found form = dispatch::find_implementation(
      op->operator_name(), dispatch::OperatorCall(op->schema(), stack), nullptr);
  if (!form)
    return {};
  op->callBoxed(&stack);
  return stack.size() == 1 && stack[0].isTensor() ? stack[0].toTensor() : at::Tensor();
}

void ParityRunner::compare(size_t call, const at::Tensor& simulated, const at::Tensor& integer) {
  if (!is_quantized(simulated))
    return;
  ParitySums& sums = sums_[call];
  const at::Tensor difference = (codes(simulated).to(at::kInt) - codes(integer).to(at::kInt)).abs();
  sums.codes += difference.numel();
  sums.equal += difference.eq(0).sum().item<int64_t>();
  if (difference.numel() > 0)
    sums.largest = std::max(sums.largest, difference.max().item<int64_t>());
  compare_values(call, ff::dequantize(simulated), ff::dequantize(integer));
}

void ParityRunner::compare_values(size_t call, const at::Tensor& simulated,
                                  const at::Tensor& integer) {
  ParitySums& sums = sums_[call];
  sums.is_integer = true;
  const at::Tensor values = simulated.detach().to(at::kDouble);
  sums.signal += values.square().sum().item<double>();
  sums.noise += (values - integer).square().sum().item<double>();
}

// Elements were moved, and stay on the grid: who reads them next gets the codes too, if these are
// right.
void ParityRunner::compare_moved(size_t index, const at::Tensor& simulated,
                                 const at::Tensor& integer) {
  const int64_t different = sums_[index].codes - sums_[index].equal;
  compare(index, bound_function(integer).quantize(simulated.detach()), integer);
  if (sums_[index].codes - sums_[index].equal == different)
    in_codes_.insert_or_assign(program().recording.graph.calls()[index].results[0], integer);
}

// A cat reads what other calls gave for its grid.
void ParityRunner::compare_pieces(const Meeting& meeting) {
  for (const MetOperand& operand : meeting.operands) {
    const auto found = pending_.find(operand.value);
    if (found == pending_.end())
      continue;
    const size_t place = *program().integers.calls[found->second.call].chain->place;
    const at::Tensor piece = meeting.tensor(operand.argument, operand.element);
    compare(found->second.call, codes_of(place, piece), found->second.result);
    pending_.erase(found);
  }
}

void ParityRunner::run_operator(Meeting& meeting) {
  if (!index_.has_value()) {
    Runner::run_operator(meeting);
    return;
  }
  const size_t index = *index_;
  index_.reset();
  const CallGraph& graph = program().recording.graph;
  const Call& call = graph.calls()[index];
  const IntegerCall& plan = program().integers.calls[index];
  compare_pieces(meeting);
  const at::Tensor integer = run_in_integers(meeting, index);
  const size_t first = meeting.stack.size() - meeting.info.arguments;
  Runner::run_operator(meeting);
  if (!integer.defined() || call.results.empty() || call.results[0] < 0)
    return;
  const c10::IValue& simulated = meeting.stack[first];
  if (!is_quantized(integer)) {
    if (simulated.isTensor() && simulated.toTensor().sizes() == integer.sizes())
      compare_values(index, simulated.toTensor(), integer);
    return;
  }
  if (graph.is_of_parameters(call.results[0]))
    in_codes_.insert_or_assign(call.results[0], integer);
  else if (plan.chain.has_value())
    pending_.insert_or_assign(plan.chain->end, Pending{index, integer});
  else if (program().plan.calls[index].keeps_grid && simulated.isTensor())
    compare_moved(index, simulated.toTensor(), integer);
}

at::Tensor ParityRunner::result_on_grid(size_t index, size_t place, const at::Tensor& data,
                                        bool overwrite) {
  const auto found = pending_.find(program().plan.places[place].value);
  if (found != pending_.end()) {
    compare(found->second.call, codes_of(place, data), found->second.result);
    pending_.erase(found);
  } else if (sums_[index].codes == 0 || !sums_[index].is_integer) {
    sums_[index].codes += data.numel();
    sums_[index].equal += data.numel();
  }
  return Runner::result_on_grid(index, place, data, overwrite);
}

void ParityRunner::on_call(Meeting& meeting) {
  index_.reset();
  if (meeting.key >= 0) {
    index_ = call_met(meeting);
    given_ = meeting.arguments().vec();
  }
  Runner::on_call(meeting);
  index_.reset();
  given_.clear();
}

}  // namespace ff::model
