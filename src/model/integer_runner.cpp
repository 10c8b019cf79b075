#include "model/integer_runner.h"

#include <ATen/core/DimVector.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <unordered_set>
#include <vector>

#include "fastforward/tensor/quantized_tensor.h"
#include "integer/blocks.h"
#include "integer/grid.h"
#include "model/functional_form.h"
#include "model/plain_values.h"
#include "tensor/plain.h"

namespace ff::model {
namespace {

// The model may count on how values lie in memory, as LibTorch's convolutions give them: channel
// after channel. Ours give pixel after pixel. Codes have their own forms of these operators.
bool reads_strides(const OperatorInfo& info, const at::Tensor& operand) {
  if (info.site == "as_strided" || info.name == "aten::_reshape_alias")
    return true;
  return !is_quantized(operand) && info.site == "view";
}

// Plain values as they lie in the simulation: contiguous, or not and then with these axes.
at::Tensor in_order(const at::Tensor& tensor, const std::vector<int64_t>& axes) {
  if (axes.empty())
    return tensor.contiguous();
  if (!tensor.is_contiguous() || axes.size() != static_cast<size_t>(tensor.dim()))
    return tensor;
  std::vector<int64_t> back(axes.size());
  for (size_t i = 0; i < axes.size(); ++i)
    back[static_cast<size_t>(axes[i])] = static_cast<int64_t>(i);
  return tensor.permute(axes).contiguous().permute(back);
}

}  // namespace

c10::IValue IntegerRunner::finish(const c10::IValue& result) {
  for (const at::Tensor& tensor : tensors_in({result}))
    refuse_inner(tensor.defined() ? tracker().identify(tensor).value : kConstant, tensor,
                 "the model's result");
  return plain_result(result);
}

at::Tensor IntegerRunner::on_grid(size_t place, const at::Tensor& data, bool overwrite) {
  return keep_error([&] {
    const nn::Quantizer quantizer = this->quantizer(place);
    const std::optional<BoundQuantizationFunction> function = fixed_function(place);
    const at::Tensor values = plain(data);
    // What integers do not take is as in the simulation, in one pass.
    if (function.has_value() && !integer::grid_of(*function).grid.has_value())
      return quantizer.ptr()->fake_quantize(values, overwrite);
    const at::Tensor quantized = quantizer.ptr()->forward(values);
    const bool is_taken = !is_quantized(quantized) || integer::grid_of(quantized).grid.has_value();
    return is_taken ? quantized : plain(quantized);
  });
}

at::Tensor IntegerRunner::result_on_grid(size_t index, size_t place, const at::Tensor& data,
                                         bool overwrite) {
  if (is_in_codes(data) && output_.function.has_value())
    return data;  // the operator did it
  if (program().integers.calls[index].gives_values)
    return Runner::on_grid(place, plain(data), overwrite);
  return on_grid(place, data, overwrite);
}

// What was on a grid, and was moved in values, is in codes again. Not so what no example showed,
// and a grid with scales of its own for what moved.
void IntegerRunner::put_on_grid_again(Meeting& meeting, const Operand& operand, size_t place) {
  if (operand.element >= 0 || is_training() || contains(meeting.info.written, operand.argument))
    return;
  c10::IValue& argument = meeting.argument(operand.argument);
  const auto is_it = [&](const MetOperand& met) {
    return met.argument == operand.argument && met.value == operand.values[0];
  };
  if (!argument.isTensor() || is_quantized(argument.toTensor()) ||
      std::none_of(meeting.operands.begin(), meeting.operands.end(), is_it))
    return;
  const std::optional<BoundQuantizationFunction> function = fixed_function(place);
  if (function.has_value() && integer::grid_of(*function).grid.has_value())
    argument = on_grid(place, argument.toTensor(), false);
}

void IntegerRunner::put_operands_on_grids(Meeting& meeting, size_t index) {
  Runner::put_operands_on_grids(meeting, index);
  const Call& call = program().recording.graph.calls()[index];
  for (const auto& [operand, place] : program().integers.calls[index].grids)
    put_on_grid_again(meeting, call.operands[operand], place);
  output_ = meeting.info.written.empty() ? chain_output(index) : ChainOutput();
}

// Others than the one reader of the examples may ask for such values more than once.
void IntegerRunner::settle(const at::Tensor& tensor) {
  const integer::BlockValues* values = integer::block_values(tensor);
  if (values == nullptr)
    return;
  const at::DimVector strides(tensor.strides());  // those of the simulation
  become(tensor, quantized_by_nothing(values->codes()));
  tensor.unsafeGetTensorImpl()->set_sizes_and_strides(at::DimVector(tensor.sizes()), strides);
}

// Memory is about to be written to that values which are computed later would read: they are
// computed now.
void IntegerRunner::settle_readers(const OperatorInfo& info, c10::ArrayRef<c10::IValue> arguments) {
  for (const size_t argument : info.written) {
    for (const at::Tensor& written : tensors_in({arguments[argument]})) {
      if (!written.defined() || is_quantized(written) || !written.has_storage())
        continue;
      for (const auto& weak : unsettled_) {
        const at::Tensor tensor(weak.lock());
        const integer::BlockValues* values =
            tensor.defined() ? integer::block_values(tensor) : nullptr;
        if (values != nullptr && values->reads(written.storage().unsafeGetStorageImpl()))
          settle(tensor);
      }
    }
  }
}

// A write that no example showed, to what is computed later or came of an unseen call itself:
// others who share that memory in the simulation would not see it.
void IntegerRunner::refuse_unseen_write(const Meeting& meeting) {
  for (const size_t argument : meeting.info.written) {
    const c10::IValue& written = meeting.arguments()[argument];
    if (!is_quantized_value(written))
      continue;
    const at::Tensor& tensor = written.toTensor();
    if (integer::block_values(tensor) == nullptr && tensor.dim() > 0 &&
        tracker().identify(tensor).value != kUnseen)
      continue;
    keep_error([&] {
      TORCH_CHECK_VALUE(
          false, "QuantizedModel: no example showed that ", meeting.info.name,
          " writes to this tensor, and in integers it shares no memory with others. Give "
          "autoquantize an example that runs this branch too, or simulate the model with "
          "to_integer(false).");
    });
  }
}

void IntegerRunner::run_operator(Meeting& meeting) {
  const c10::ArrayRef<c10::IValue> arguments = meeting.arguments();
  if (!index_.has_value())
    refuse_unseen_write(meeting);
  settle_readers(meeting.info, arguments);
  const bool must_be_view =
      index_.has_value() && program().recording.graph.calls()[*index_].is_view_of_written;
  if (!must_be_view && arguments[0].isTensor() &&
      reads_strides(meeting.info, arguments[0].toTensor()))
    meeting.argument(0) = plain(arguments[0].toTensor()).contiguous();
  const dispatch::OutputScope scope(output_.wanted());
  if (index_.has_value())
    note(meeting, *index_);
  // What is written to must be values.
  std::vector<std::pair<at::Tensor, at::Tensor>> written;
  for (const size_t argument : meeting.info.written) {
    if (!is_quantized_value(arguments[argument]))
      continue;
    const at::Tensor tensor = arguments[argument].toTensor();
    written.emplace_back(tensor, own_values(tensor));
    meeting.argument(argument) = written.back().second;
  }
  const size_t first = meeting.stack.size() - meeting.info.arguments;
  meeting.op.callBoxed(&meeting.stack);
  const bool is_looked_into = index_.has_value() && !must_be_view &&
                              program().integers.calls[*index_].gives_values &&
                              meeting.info.written.empty();
  if (is_looked_into && meeting.stack[first].isTensor())
    meeting.stack[first] = plain(meeting.stack[first].toTensor());
  for (const auto& [tensor, values] : written) {
    become(tensor, quantized_by_nothing(values));
    for (size_t i = first; i < meeting.stack.size(); ++i) {
      if (meeting.stack[i].isTensor() && meeting.stack[i].toTensor().is_same(values))
        meeting.stack[i] = tensor;
    }
  }
}

// The operand is in codes: its own object becomes what the functional form gives.
void IntegerRunner::run_in_place(Meeting& meeting, size_t index) {
  const size_t written = meeting.info.written[0];
  const size_t first = meeting.stack.size() - meeting.info.arguments;
  const at::Tensor target = meeting.argument(written).toTensor();
  if (!is_quantized(target)) {
    Runner::run_in_place(meeting, index);
    return;
  }
  put_operands_on_grids(meeting, index);
  output_ = chain_output(index);
  at::Tensor value;
  const std::optional<c10::OperatorHandle> form = functional_form(meeting.op);
  if (form.has_value()) {
    Meeting functional{*form, meeting.info, meeting.stack, {}};
    const dispatch::OutputScope scope(output_.wanted());
    note(functional, index);
    form->callBoxed(&meeting.stack);
    value = meeting.stack[first].toTensor();
  } else {
    value = call(meeting)[0].toTensor();
  }
  const CallPlan& plan = program().plan.calls[index];
  TORCH_CHECK(value.sizes() == target.sizes(), "output with shape ", target.sizes(),
              " doesn't match the broadcast shape ", value.sizes());
  value = value.to(target.scalar_type());
  if (!plan.results.empty())
    value = result_on_grid(index, plan.results[0].second, value, false);
  if (!value.is_same(target))
    become(target, is_quantized(value) ? value : quantized_by_nothing(value));
  meeting.stack[first] = target;
}

// Values inside of a chain have all of it behind them already: nobody else may see them.
void IntegerRunner::refuse_inner(ValueId value, const at::Tensor& tensor, const std::string& who) {
  if (value < 0 || !is_end_of_chain(tensor))
    return;
  const std::optional<size_t> reader = program().integers.inner_readers[static_cast<size_t>(value)];
  if (!reader.has_value())
    return;
  keep_error([&] {
    TORCH_CHECK_VALUE(
        false, "QuantizedModel: ", who, " reads what only ", program().call_sites[*reader],
        " read in the examples, and in integers both are one operation. Give autoquantize an "
        "example that runs this branch too, or simulate the model with to_integer(false).");
  });
}

void IntegerRunner::refuse_inner_operands(const Meeting& meeting, std::optional<size_t> index) {
  for (const MetOperand& operand : meeting.operands) {
    if (operand.value < 0)
      continue;
    const auto& reader = program().integers.inner_readers[static_cast<size_t>(operand.value)];
    if (reader.has_value() && reader != index)
      refuse_inner(operand.value, meeting.tensor(operand.argument, operand.element),
                   meeting.info.name);
  }
}

void IntegerRunner::on_handed_on(ValueId value, const at::Tensor& tensor) {
  if (value >= 0 && !program().recording.graph.value(value).is_handed_on)
    refuse_inner(value, tensor, "a copy");
}

void IntegerRunner::on_looked_at(const OperatorInfo& info, c10::ArrayRef<c10::IValue> arguments) {
  settle_readers(info, arguments);
  // These see only what a tensor is, not what is in it.
  static const std::unordered_set<std::string> kHarmless = {
      "aten::size",       "aten::sym_size",
      "aten::stride",     "aten::sym_stride",
      "aten::numel",      "aten::sym_numel",
      "aten::dim",        "aten::is_floating_point",
      "aten::is_complex", "aten::_has_compatible_shallow_copy_type"};
  if (kHarmless.count(info.name) != 0)
    return;
  for (const c10::IValue& argument : arguments) {
    if (is_quantized_value(argument))
      refuse_inner(tracker().identify(argument.toTensor()).value, argument.toTensor(), info.name);
  }
}

// The model may look at how a result lies in memory, and whether contiguous() would copy it: that
// is as in the simulation, wherever codes lie.
at::Tensor IntegerRunner::laid_out(const at::Tensor& tensor, ValueId id) {
  if (id < 0 || !tensor.defined())
    return tensor;
  const Value& value = program().recording.graph.value(id);
  const std::vector<int64_t>& axes = value.axes_in_memory;
  if (!is_quantized(tensor))
    return in_order(tensor, axes);
  if (!axes.empty() && axes.size() != static_cast<size_t>(tensor.dim()))
    return tensor;
  const at::DimVector sizes(tensor.sizes());
  if (axes.empty()) {
    tensor.unsafeGetTensorImpl()->set_sizes_contiguous(sizes);
    return tensor;
  }
  at::DimVector strides(sizes.size());
  int64_t stride = 1;
  for (size_t i = sizes.size(); i-- > 0;) {
    const auto axis = static_cast<size_t>(axes[i]);
    strides[axis] = stride;
    stride *= std::max<int64_t>(sizes[axis], 1);
  }
  tensor.unsafeGetTensorImpl()->set_sizes_and_strides(sizes, strides);
  return tensor;
}

// The operator before has done what this one does.
bool IntegerRunner::run_behind(Meeting& meeting, size_t index) {
  if (!program().integers.calls[index].is_behind)
    return false;
  const auto operand =
      std::find_if(meeting.operands.begin(), meeting.operands.end(), [&](const MetOperand& met) {
        return met.value >= 0 &&
               program().integers.inner_readers[static_cast<size_t>(met.value)] == index &&
               is_end_of_chain(meeting.tensor(met.argument, met.element));
      });
  if (operand == meeting.operands.end())
    return false;
  const at::Tensor value = meeting.tensor(operand->argument, operand->element);
  torch::jit::drop(meeting.stack, meeting.info.arguments);
  meeting.stack.emplace_back(value);
  if (const std::optional<size_t> fold = program().plan.calls[index].folded_norm)
    forget_folded_bias(*fold);
  constexpr uint32_t kBehind = ~uint32_t{0};
  if (!binding().knows_integers(index, kBehind))
    binding().note_integers(index, kBehind, "codes");
  tracker().define(value, program().recording.graph.calls()[index].results[0]);
  return true;
}

void IntegerRunner::finish_call(const Meeting& meeting, size_t index, size_t first) {
  const std::vector<ValueId>& values = program().recording.graph.calls()[index].results;
  const bool is_own =
      meeting.info.written.empty() && !program().recording.graph.calls()[index].is_view_of_written;
  if (is_own && values.size() == 1 && meeting.stack.size() == first + 1 &&
      meeting.stack[first].isTensor())
    meeting.stack[first] = laid_out(meeting.stack[first].toTensor(), values[0]);
  if (meeting.stack.size() > first && is_quantized_value(meeting.stack[first]) &&
      integer::block_values(meeting.stack[first].toTensor()) != nullptr) {
    std::erase_if(unsettled_, [](const auto& weak) { return weak.expired(); });
    unsettled_.emplace_back(meeting.stack[first].toTensor().getIntrusivePtr());
  }
  Runner::finish_call(meeting, index, first);
}

void IntegerRunner::on_call(Meeting& meeting) {
  std::optional<size_t> index;
  if (meeting.key >= 0)
    index = call_met(meeting);
  refuse_inner_operands(meeting, index);
  if (index.has_value() && run_behind(meeting, *index))
    return;
  if (!index.has_value() && meeting.info.written.empty()) {
    for (const MetOperand& operand : meeting.operands)
      settle(meeting.tensor(operand.argument, operand.element));
  }
  index_ = index;
  Runner::on_call(meeting);
  index_.reset();
  output_ = {};
}

}  // namespace ff::model
