#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/core/ivalue.h>
#include <ATen/core/stack.h>

#include <utility>

namespace ff::model {

/// Returns `list`, an argument or result that is a list of tensors, with another tensor at
/// `element`; the tensor itself if `element` is -1.
c10::IValue with_element(const c10::IValue& list, int element, const at::Tensor& tensor);

/// Returns the tensor at `element` of such a list; the tensor that `value` is if that is -1.
const at::Tensor& element_of(const c10::IValue& value, int element);

/// Returns where a result is on the stack, whose results begin at `first`, and its position in a
/// list, -1 without a list. Null if there is none.
std::pair<c10::IValue*, int> find_result(torch::jit::Stack& stack, size_t first, size_t result);

/// Replaces views of `base` that came in lists by ones that came one by one: autograd forbids to
/// write to those of a list. Quantizers have gradients, so there may be some where the float model
/// had none.
void separate_views(const at::Tensor& base, torch::jit::Stack& stack, size_t first);

}  // namespace ff::model
