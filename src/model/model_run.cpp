#include "model/model_run.h"

#include <algorithm>

namespace ff::model {

at::Tensor Meeting::tensor(size_t argument, int element) const {
  const c10::IValue& value = arguments()[argument];
  if (element < 0)
    return value.toTensor();
  if (value.isTensorList())
    return value.toTensorVector()[static_cast<size_t>(element)];
  return value.toOptionalTensorVector()[static_cast<size_t>(element)].value_or(at::Tensor());
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
    if (is_value(inputs[i]) && tracker_.find(inputs[i]) == nullptr)
      tracker_.define(inputs[i], graph_.inputs()[i]);
  }
}

size_t ModelRun::count(int key) {
  if (counts_.size() <= static_cast<size_t>(key))
    counts_.resize(static_cast<size_t>(key) + 1);
  return counts_[static_cast<size_t>(key)]++;
}

void ModelRun::add_operand(Meeting& meeting, size_t argument, int element,
                           const at::Tensor& tensor) {
  if (!is_value(tensor))
    return;
  const Tracker::Identity identity = tracker_.identify(tensor);
  ValueId value = identity.value;
  if (identity.is_changed) {
    value = on_changed(identity.value, identity.written);
    tracker_.define(tensor, value);
  } else if (identity.is_foreign) {
    value = on_foreign(meeting, argument, tensor);
  }
  meeting.operands.push_back({argument, element, value, tensor.unsafeGetTensorImpl()});
}

void ModelRun::meet(Meeting& meeting) {
  const c10::ArrayRef<c10::IValue> arguments = meeting.arguments();
  for (size_t i = 0; i < arguments.size(); ++i) {
    const c10::IValue& argument = arguments[i];
    if (argument.isTensor()) {
      add_operand(meeting, i, -1, argument.toTensor());
    } else if (argument.isTensorList()) {
      int element = 0;
      for (const at::Tensor& tensor : argument.toTensorVector())
        add_operand(meeting, i, element++, tensor);
    } else if (argument.isOptionalTensorList()) {
      int element = 0;
      for (const std::optional<at::Tensor>& tensor : argument.toOptionalTensorVector())
        add_operand(meeting, i, element++, tensor.value_or(at::Tensor()));
    }
  }
}

c10::ArrayRef<c10::IValue> ModelRun::call(Meeting& meeting) const {
  const size_t below = meeting.stack.size() - meeting.info.arguments;
  meeting.op.callBoxed(&meeting.stack);
  return c10::ArrayRef<c10::IValue>(meeting.stack.data() + below, meeting.stack.size() - below);
}

void ModelRun::define_all(const Meeting& meeting, c10::ArrayRef<c10::IValue> results,
                          ValueId value) {
  const bool writes = !meeting.info.written.empty() && value != kConstant;
  visit_results(results, [&](const at::Tensor& tensor) {
    if (is_value(tensor))
      tracker_.define(tensor, value, writes);
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
  size_t index = 0;
  visit_results(results, [&](const at::Tensor& tensor) {
    const size_t result = index++;
    // An operand that is handed on as it is stays the value that it was.
    if (result < values.size() && is_value(tensor) && (writes || !is_operand(tensor)))
      tracker_.define(tensor, values[result], writes);
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
  for (const c10::IValue& result : call(meeting)) {
    if (result.isTensor() && is_value(result.toTensor()) && !result.toTensor().is_same(operand) &&
        !identity.is_foreign)
      tracker_.define(result.toTensor(), value);
  }
}

void ModelRun::on_operator(const c10::OperatorHandle& op, torch::jit::Stack& stack) {
  const size_t arguments = op.schema().arguments().size();
  const OperatorInfo& info = operator_info(
      op, c10::ArrayRef<c10::IValue>(stack.data() + (stack.size() - arguments), arguments));
  if (!info.gives_tensors) {
    op.callBoxed(&stack);
    return;
  }
  Meeting meeting{op, info, stack, {}};
  if (hands_on(info, meeting.arguments())) {
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
    define_all(meeting, call(meeting), kConstant);
    return;
  }
  for (const MetOperand& operand : meeting.operands) {
    if (!has_parameter || graph_.is_of_parameters(operand.value))
      key.operands.push_back(operand.value);
  }
  meeting.key = number_of(key);
  if (meeting.key >= 0)
    meeting.occurrence = count(meeting.key);
  on_call(meeting);
}

}  // namespace ff::model
