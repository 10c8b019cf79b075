#include "model/runner.h"

#include <ATen/core/grad_mode.h>
#include <c10/util/Exception.h>
#include <c10/util/StringUtil.h>

#include <algorithm>
#include <utility>

#include "core/quick_cast.h"
#include "fastforward/nn/disable_quantization.h"
#include "fastforward/nn/linear_quantizer.h"
#include "fastforward/nn/quantizer_stub.h"
#include "fastforward/tensor/quantized_tensor.h"
#include "integer/grid.h"
#include "model/stack_values.h"

namespace ff::model {
namespace {

// True for relu_ and the like: what they write to is their result.
bool writes_one_operand(const Meeting& meeting) {
  return meeting.info.written.size() == 1 && meeting.op.schema().returns().size() == 1 &&
         meeting.arguments()[meeting.info.written[0]].isTensor();
}

// True if an operand that examples showed as several values is not the one of this place now.
bool is_of_another_value(const Place& place, const Operand& operand, const MetOperand& met) {
  return place.kind != Place::Kind::kWeight && met.value != place.value &&
         std::find(operand.values.begin(), operand.values.end(), met.value) != operand.values.end();
}

// True if nobody but the caller can see the memory.
bool is_own(const at::Tensor& tensor) {
  return tensor.use_count() == 1 && tensor.has_storage() && tensor.storage().use_count() == 1;
}

}  // namespace

Runner::Runner(QuantizedModelImpl& model, std::shared_ptr<const ModelTensors> tensors)
    : ModelRun(model.program_->recording.graph, tensors->ids),
      model_(model),
      program_(*model.program_),
      binding_(*model.binding_),
      tensors_(std::move(tensors)),
      folded_biases_(program_.plan.folds.size()) {}

void Runner::rethrow_own_error() const {
  if (own_error_ != nullptr)
    std::rethrow_exception(own_error_);
}

ValueId Runner::on_captured(const at::Tensor& tensor) {
  const auto known = tensors_->captured.find(tensor.unsafeGetTensorImpl());
  return known == tensors_->captured.end() ? kConstant : known->second;
}

ValueId Runner::on_changed(ValueId before, ValueId written) {
  const CallGraph& graph = program_.recording.graph;
  const int key = graph.find_key({"written_through_a_view", {before, written}});
  if (key < 0)
    return kUnseen;
  return graph.calls()[graph.call_of(key, count(key))].results[0];
}

void Runner::refuse_uninitialized() const {
  const std::vector<std::string> paths = model_.uninitialized();
  TORCH_CHECK_VALUE(false, "QuantizedModel: ", paths.size(),
                    " quantizers have no range yet: ", c10::Join(", ", paths),
                    "; run ff::calibrate(model, batches), call set_quantization_range() on each, "
                    "or leave them in float with a rule.");
}

nn::Quantizer Runner::quantizer(size_t place) const {
  nn::Quantizer quantizer = binding_.quantizer(place);
  const auto* linear = quick_cast<const nn::LinearQuantizerImpl>(quantizer.ptr().get());
  if (linear != nullptr && !linear->is_initialized() && quantizer->overrides().entries()->empty())
    refuse_uninitialized();
  return quantizer;
}

at::Tensor Runner::on_grid(size_t place, const at::Tensor& data, bool overwrite) {
  return keep_error([&] { return quantizer(place)->fake_quantize(data, overwrite); });
}

ChainOutput Runner::chain_output(size_t index) {
  const std::optional<Chain>& chain = program_.integers.calls[index].chain;
  const auto is_folded = [&](size_t fold) { return folded_bias(fold).defined(); };
  // A dropout, which examples do not show, may come between.
  if (model_.is_training())
    return {};
  if (!chain.has_value() || !std::all_of(chain->folds.begin(), chain->folds.end(), is_folded))
    return {};
  const at::Tensor bias =
      chain->fold_bias.has_value() ? folded_bias(*chain->fold_bias) : tensors()[chain->bias];
  if (!chain->place.has_value())
    return {{}, bias, chain->minimum, chain->maximum, true};
  std::optional<BoundQuantizationFunction> function = fixed_function(*chain->place);
  if (!function.has_value() || !integer::grid_of(*function).grid.has_value())
    return {};
  return {std::move(function), bias, chain->minimum, chain->maximum};
}

// Several calls may read one value: its values on the grid are computed once. A call that writes to
// them gets its own.
at::Tensor Runner::read(size_t place, const at::Tensor& tensor, bool is_written) {
  Tracker::Entry* entry = tracker().find(tensor);
  if (entry == nullptr || is_written)
    return on_grid(place, tensor, false);
  if (!entry->on_grid.defined()) {
    const Value& value = program_.recording.graph.value(entry->value);
    // What the graph keeps must not change.
    const bool must_copy = at::GradMode::is_enabled() && value.is_written_later && is_on(place);
    entry->on_grid = on_grid(place, must_copy ? tensor.clone() : tensor, false);
    entry->reads_left = static_cast<int>(program_.plan.places[place].readers.size());
  }
  at::Tensor values = entry->on_grid;
  if (--entry->reads_left <= 0)
    entry->on_grid = at::Tensor();
  return values;
}

at::Tensor Runner::quantized_weight(size_t place, size_t index, const at::Tensor& weight) {
  const std::optional<size_t> fold = program_.plan.calls[index].folded_weight;
  return keep_error([&] {
    QuantizedWeight quantized = binding_.quantized_weight(
        place, weight, fold.has_value() ? &program_.plan.folds[*fold] : nullptr, *tensors_,
        weight_form());
    if (fold.has_value() && quantized.bias.defined())
      folded_biases_[*fold] = std::move(quantized.bias);
    return std::move(quantized.weight);
  });
}

void Runner::put_operands_on_grids(Meeting& meeting, size_t index) {
  const Call& call = program_.recording.graph.calls()[index];
  const CallPlan& plan = program_.plan.calls[index];
  const std::vector<size_t>& written = meeting.info.written;
  for (const auto& [operand, place] : plan.reads) {
    const Operand& where = call.operands[operand];
    const auto met = std::find_if(
        meeting.operands.begin(), meeting.operands.end(), [&](const MetOperand& candidate) {
          return candidate.argument == where.argument && candidate.element == where.element;
        });
    if (met == meeting.operands.end() ||
        is_of_another_value(program_.plan.places[place], where, *met))
      continue;
    const at::Tensor tensor = meeting.tensor(where.argument, where.element);
    const at::Tensor values = program_.plan.places[place].kind == Place::Kind::kWeight
                                  ? quantized_weight(place, index, tensor)
                                  : read(place, tensor, contains(written, where.argument));
    if (!values.is_same(tensor))
      meeting.argument(where.argument) =
          with_element(meeting.argument(where.argument), where.element, values);
  }
  if (plan.folded_bias.has_value() && folded_bias(*plan.folded_bias).defined())
    meeting.argument(program_.plan.folds[*plan.folded_bias].bias_place->second) =
        folded_bias(*plan.folded_bias);
}

void Runner::put_results_on_grids(Meeting& meeting, size_t index, size_t first) {
  for (const auto& [result, place] : program_.plan.calls[index].results) {
    const auto [slot, element] = find_result(meeting.stack, first, result);
    if (element >= 0) {
      const at::Tensor piece = slot->toTensorVector()[static_cast<size_t>(element)];
      *slot = with_element(*slot, element, result_on_grid(index, place, piece, false));
    } else if (slot != nullptr) {
      const at::Tensor value = std::move(*slot).toTensor();
      *slot = result_on_grid(index, place, value, is_own(value));
    }
  }
}

// True if the quantizer in a place changes what it gets.
bool Runner::is_on(size_t place) const {
  const nn::Quantizer quantizer = binding_.quantizer(place);
  return !nn::is_stub(*quantizer) && !is_quantization_disabled(*quantizer);
}

// An operator that writes to its operand: others see that memory too, so what lies on a grid is
// written there. The graph gets a copy of the operand: quantizers keep what they quantize, and the
// operand would keep the graph, each other alive.
void Runner::run_in_place(Meeting& meeting, size_t index) {
  const size_t written = meeting.info.written[0];
  const size_t first = meeting.stack.size() - meeting.info.arguments;
  at::Tensor target = meeting.argument(written).toTensor();
  // A view whose base got a gradient later counts as a leaf until its node is asked for.
  if (at::GradMode::is_enabled() && target.is_view())
    static_cast<void>(target.grad_fn());
  const CallPlan& plan = program_.plan.calls[index];
  const auto is_on_grid = [&](const auto& planned) { return is_on(planned.second); };
  const bool keeps_graph = at::GradMode::is_enabled() &&
                           (std::any_of(plan.reads.begin(), plan.reads.end(), is_on_grid) ||
                            std::any_of(plan.results.begin(), plan.results.end(), is_on_grid));
  if (keeps_graph) {
    for (size_t argument = 0; argument < meeting.info.arguments; ++argument) {
      c10::IValue& value = meeting.argument(argument);  // x.mul_(x) has it twice
      if (value.isTensor() && value.toTensor().is_same(target))
        value = target.clone();
    }
  }
  put_operands_on_grids(meeting, index);
  at::Tensor value = call(meeting)[0].toTensor();
  if (!plan.results.empty())
    value = result_on_grid(index, plan.results[0].second, value, !keeps_graph);
  if (!value.is_same(target)) {
    target.copy_(value);
    meeting.stack[first] = target;
  }
}

// The product has given what this batch norm would; at most the bias is missing.
bool Runner::run_folded_norm(Meeting& meeting, size_t index) {
  const CallPlan& plan = program_.plan.calls[index];
  if (!plan.folded_norm.has_value())
    return false;
  const at::Tensor bias = std::exchange(folded_biases_[*plan.folded_norm], at::Tensor());
  if (!bias.defined())
    return false;
  at::Tensor value = meeting.arguments()[0].toTensor();
  torch::jit::drop(meeting.stack, meeting.info.arguments);
  if (!program_.plan.folds[*plan.folded_norm].bias_place.has_value()) {
    std::vector<int64_t> shape(static_cast<size_t>(value.dim()), 1);
    shape[1] = -1;
    value = value + bias.reshape(shape);
  }
  // Nobody else reads what the product gave, so its memory may be used again.
  const bool overwrite = value.has_storage() && value.storage().use_count() == 1;
  for (const auto& [result, place] : plan.results)
    value = result_on_grid(index, place, value, overwrite);
  meeting.stack.emplace_back(value);
  tracker().define(value, program_.recording.graph.calls()[index].results[0]);
  return true;
}

void Runner::note_unseen(const Meeting& meeting) {
  const std::string call = meeting.info.name;
  keep_error([&] {
    TORCH_CHECK_VALUE(!model_.strict_, "QuantizedModel: no example showed this call of ", call,
                      ", so nothing says how to quantize it. Give autoquantize an example that "
                      "runs it, or allow such calls with set_strict(false).");
  });
  if (binding_.count_unseen(call))
    TORCH_WARN("QuantizedModel: a call of ", call,
               " was not in any example and runs in float, as others may; coverage() counts them. "
               "Give autoquantize an example that runs it.");
}

size_t Runner::call_met(const Meeting& meeting) const {
  return program_.recording.graph.call_of(meeting.key, meeting.occurrence);
}

void Runner::finish_call(const Meeting& meeting, size_t index, size_t first) {
  define_results(meeting, meeting.results(first), program_.recording.graph.calls()[index].results);
}

void Runner::on_source(Meeting& meeting, size_t first) {
  if (meeting.key < 0) {
    note_unseen(meeting);
    define_all(meeting, meeting.results(first), kUnseen);
    return;
  }
  const size_t index = call_met(meeting);
  put_results_on_grids(meeting, index, first);
  finish_call(meeting, index, first);
}

void Runner::on_call(Meeting& meeting) {
  if (meeting.key < 0) {
    // Examples run in eval mode, where a dropout does nothing: its result is what it reads.
    const bool is_dropout = meeting.info.site == "dropout";
    if (!is_dropout)
      note_unseen(meeting);
    define_all(meeting, call(meeting), is_dropout ? meeting.operands[0].value : kUnseen);
    return;
  }
  const size_t index = call_met(meeting);
  const size_t first = meeting.stack.size() - meeting.info.arguments;
  if (run_folded_norm(meeting, index))
    return;
  if (writes_one_operand(meeting)) {
    run_in_place(meeting, index);
  } else {
    put_operands_on_grids(meeting, index);
    const bool is_base_kept =
        program_.recording.graph.calls()[index].is_view_of_written && at::GradMode::is_enabled();
    const c10::IValue base = is_base_kept ? meeting.arguments()[0] : c10::IValue();
    call(meeting);
    if (base.isTensor())
      separate_views(base.toTensor(), meeting.stack, first);
    put_results_on_grids(meeting, index, first);
  }
  finish_call(meeting, index, first);
}

c10::IValue run(Runner& runner, const FloatModel& model, const Inputs& inputs) {
  const std::vector<at::Tensor> tensors = tensors_in(inputs);
  for (size_t i = 0; i < tensors.size(); ++i)
    TORCH_CHECK_TYPE(!is_quantized(tensors[i]), "QuantizedModel: input ", i,
                     " is a quantized tensor; the model quantizes its inputs itself. Call "
                     "dequantize() on it first.");
  runner.define_inputs(tensors);
  const OperatorMode::Scope scope(runner, "QuantizedModel");
  try {
    return model.forward(inputs);
  } catch (...) {
    runner.rethrow_own_error();
    throw;
  }
}

}  // namespace ff::model
