#include "model/stack_values.h"

#include <optional>
#include <vector>

namespace ff::model {

c10::IValue with_element(const c10::IValue& list, int element, const at::Tensor& tensor) {
  if (element < 0)
    return tensor;
  if (list.isTensorList()) {
    std::vector<at::Tensor> tensors = list.toTensorVector();
    tensors[static_cast<size_t>(element)] = tensor;
    return tensors;
  }
  std::vector<std::optional<at::Tensor>> tensors = list.toOptionalTensorVector();
  tensors[static_cast<size_t>(element)] = tensor;
  return c10::List<std::optional<at::Tensor>>(tensors);
}

const at::Tensor& element_of(const c10::IValue& value, int element) {
  if (element < 0)
    return value.toTensor();
  static const at::Tensor undefined;
  const c10::IValue& inner = value.toListRef()[static_cast<size_t>(element)];
  return inner.isNone() ? undefined : inner.toTensor();
}

std::pair<c10::IValue*, int> find_result(torch::jit::Stack& stack, size_t first, size_t result) {
  for (size_t i = first; i < stack.size(); ++i) {
    if (!stack[i].isTensor() && !stack[i].isTensorList())
      continue;
    const size_t count = stack[i].isTensor() ? 1 : stack[i].toListRef().size();
    if (result < count)
      return {&stack[i], stack[i].isTensor() ? -1 : static_cast<int>(result)};
    result -= count;
  }
  return {nullptr, -1};
}

void separate_views(const at::Tensor& base, torch::jit::Stack& stack, size_t first) {
  for (size_t i = first; i < stack.size(); ++i) {
    if (!stack[i].isTensorList())
      continue;
    std::vector<at::Tensor> views;
    for (const at::Tensor& view : stack[i].toTensorVector())
      views.push_back(base.as_strided(view.sizes(), view.strides(), view.storage_offset()));
    stack[i] = std::move(views);
  }
}

}  // namespace ff::model
