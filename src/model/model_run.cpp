#include "model/model_run.h"

#include <algorithm>

#include "model/stack_values.h"

namespace ff::model {

const at::Tensor& Meeting::tensor(size_t argument, int element) const {
  return element_of(arguments()[argument], element);
}

std::vector<at::Tensor> tensors_in(const std::vector<c10::IValue>& values) {
  std::vector<at::Tensor> tensors;
  for (const c10::IValue& value : values) {
    value.visit([&](const c10::IValue& inner) {
      if (inner.isTensor())
        tensors.push_back(inner.toTensor());
      return false;
    });
  }
  return tensors;
}

void ModelRun::define_inputs(const std::vector<at::Tensor>& inputs) {
  for (size_t i = 0; i < inputs.size() && i < graph_.inputs().size(); ++i) {
    if (inputs[i].defined() && tracker_.find(inputs[i]) == nullptr)
      tracker_.define(inputs[i], is_value(inputs[i]) ? graph_.inputs()[i] : kData);
  }
}

size_t ModelRun::count(int key) {
  if (counts_.size() <= static_cast<size_t>(key))
    counts_.resize(static_cast<size_t>(key) + 1);
  return counts_[static_cast<size_t>(key)]++;
}

bool ModelRun::is_data(const at::Tensor& tensor) const {
  return tensor.defined() && tracker_.was_defined_as_data(tensor);
}

// True if an operand is an input or made of one.
bool ModelRun::reads_values(const Meeting& meeting) const {
  const auto is_one = [&](const at::Tensor& tensor) {
    if (!is_value(tensor))
      return false;
    const ValueId value = tracker_.identify(tensor).value;
    return value >= 0 && !graph_.is_of_parameters(value);
  };
  for (const size_t operand : meeting.info.operands) {
    const c10::IValue& argument = meeting.arguments()[operand];
    if (argument.isTensor() && is_one(argument.toTensor()))
      return true;
    if (argument.isTensorList()) {
      const std::vector<at::Tensor> tensors = argument.toTensorVector();
      if (std::any_of(tensors.begin(), tensors.end(), is_one))
        return true;
    }
  }
  return false;
}

// A tensor in the place of a weight that nobody made in this run is kept by the model. A product of
// matrices has no such place: there it is a weight if it stands beside data, and a state if it
// stands beside a parameter.
ValueId ModelRun::value_of_foreign(const Meeting& meeting, size_t argument,
                                   const at::Tensor& tensor) {
  const OperatorInfo& info = meeting.info;
  const bool may_be_weight =
      contains(info.weights, argument) ||
      (info.kind == OperatorKind::kProduct && info.weights.empty() && tensor.dim() == 2 &&
       contains(info.operands, argument) && reads_values(meeting)) ||
      (info.kind == OperatorKind::kNorm && argument > 0) || (info.site == "t" && tensor.dim() == 2);
  const ValueId value = may_be_weight ? on_captured(tensor) : kConstant;
  if (value >= 0)
    tracker_.define(tensor, value);
  return value;
}

void ModelRun::add_operand(Meeting& meeting, size_t argument, int element,
                           const at::Tensor& tensor) {
  if (!is_value(tensor)) {
    meeting.reads_data = meeting.reads_data || is_data(tensor);
    return;
  }
  const Tracker::Identity identity = tracker_.identify(tensor);
  ValueId value = identity.value;
  if (identity.is_changed) {
    value = on_changed(identity.value, identity.written);
    tracker_.define(tensor, value);
  } else if (identity.is_foreign) {
    value = value_of_foreign(meeting, argument, tensor);
  }
  meeting.operands.push_back({argument, element, value, tensor.unsafeGetTensorImpl()});
}

void ModelRun::meet(Meeting& meeting) {
  const c10::ArrayRef<c10::IValue> arguments = meeting.arguments();
  for (size_t i = 0; i < arguments.size(); ++i) {
    const c10::IValue& argument = arguments[i];
    if (argument.isTensor()) {
      add_operand(meeting, i, -1, argument.toTensor());
    } else if (argument.isList() && (argument.isTensorList() || argument.isOptionalTensorList())) {
      for (int element = 0; element < static_cast<int>(argument.toListRef().size()); ++element)
        add_operand(meeting, i, element, element_of(argument, element));
    }
  }
}

void ModelRun::run_operator(Meeting& meeting) {
  meeting.op.callBoxed(&meeting.stack);
}

c10::ArrayRef<c10::IValue> ModelRun::call(Meeting& meeting) {
  const size_t below = meeting.stack.size() - meeting.info.arguments;
  run_operator(meeting);
  return c10::ArrayRef<c10::IValue>(meeting.stack.data() + below, meeting.stack.size() - below);
}

void ModelRun::define_all(const Meeting& meeting, c10::ArrayRef<c10::IValue> results,
                          ValueId value) {
  const bool writes = !meeting.info.written.empty() && value != kConstant;
  const bool is_data = value != kConstant || meeting.reads_data;
  visit_results(results, [&](const at::Tensor& tensor) {
    if (is_value(tensor))
      tracker_.define(tensor, value, writes);
    else if (tensor.defined() && is_data)
      tracker_.define(tensor, kData);
  });
}

void ModelRun::define_results(const Meeting& meeting, c10::ArrayRef<c10::IValue> results,
                              const std::vector<ValueId>& values) {
  const bool writes = !meeting.info.written.empty();
  const auto is_operand = [&](const at::Tensor& tensor) {
    return std::any_of(
        meeting.operands.begin(), meeting.operands.end(),
        [&](const MetOperand& operand) { return operand.tensor == tensor.unsafeGetTensorImpl(); });
  };
  // A shape or an order of parameters is none.
  const bool is_data =
      meeting.reads_data ||
      std::any_of(meeting.operands.begin(), meeting.operands.end(), [&](const MetOperand& operand) {
        return operand.value == kUnseen ||
               (operand.value >= 0 && !graph_.is_of_parameters(operand.value));
      });
  size_t index = 0;
  visit_results(results, [&](const at::Tensor& tensor) {
    const size_t result = index++;
    // An operand that is handed on as it is stays the value that it was.
    if (result < values.size() && is_value(tensor) && (writes || !is_operand(tensor)))
      tracker_.define(tensor, values[result], writes);
    else if (tensor.defined() && !is_value(tensor) && is_data)
      tracker_.define(tensor, kData);
  });
}

void ModelRun::hand_on(Meeting& meeting) {
  const at::Tensor operand = meeting.arguments()[0].toTensor();
  const Tracker::Identity identity = tracker_.identify(operand);
  ValueId value = identity.value;
  if (identity.is_changed) {
    value = on_changed(identity.value, identity.written);
    tracker_.define(operand, value);
  }
  on_handed_on(value, operand);
  for (const c10::IValue& result : call(meeting)) {
    if (result.isTensor() && is_value(result.toTensor()) && !result.toTensor().is_same(operand) &&
        !identity.is_foreign)
      tracker_.define(result.toTensor(), value);
  }
}

// Of constants, or of what is made of the inputs and no value: numbers again, or not yet.
void ModelRun::run_without_values(Meeting& meeting) {
  const size_t first = meeting.stack.size() - meeting.info.arguments;
  const c10::ArrayRef<c10::IValue> results = call(meeting);
  bool gives_values = false;
  visit_results(results,
                [&](const at::Tensor& tensor) { gives_values = gives_values || is_value(tensor); });
  if (!meeting.reads_data || !gives_values) {
    define_all(meeting, results, kConstant);
    return;
  }
  meeting.key = number_of({meeting.info.site, {kData}});
  if (meeting.key >= 0)
    meeting.occurrence = count(meeting.key);
  on_source(meeting, first);
}

void ModelRun::on_operator(const c10::OperatorHandle& op, torch::jit::Stack& stack) {
  const size_t arguments = op.schema().arguments().size();
  const OperatorInfo& info = operator_info(
      op, c10::ArrayRef<c10::IValue>(stack.data() + (stack.size() - arguments), arguments));
  if (!info.gives_tensors) {
    on_looked_at(info,
                 c10::ArrayRef<c10::IValue>(stack.data() + (stack.size() - arguments), arguments));
    op.callBoxed(&stack);
    return;
  }
  Meeting meeting{op, info, stack, {}};
  if (hands_on(info, meeting.arguments()) && is_value(meeting.arguments()[0].toTensor())) {
    hand_on(meeting);
    return;
  }
  meet(meeting);
  CallKey key{info.site, {}};
  bool has_parameter = false, has_value = false;
  for (const MetOperand& operand : meeting.operands) {
    has_parameter = has_parameter || graph_.is_of_parameters(operand.value);
    has_value = has_value || operand.value != kConstant;
  }
  if (!has_value) {
    run_without_values(meeting);
    return;
  }
  for (const MetOperand& operand : meeting.operands) {
    if (!has_parameter || graph_.is_of_parameters(operand.value))
      key.operands.push_back(operand.value);
  }
  // Lists that a loop fills are longer at times.
  if (info.kind == OperatorKind::kJoin && key.operands.size() > 1)
    key.operands.erase(key.operands.begin() + 1, key.operands.end());
  meeting.key = number_of(key);
  if (meeting.key >= 0)
    meeting.occurrence = count(meeting.key);
  on_call(meeting);
}

}  // namespace ff::model
