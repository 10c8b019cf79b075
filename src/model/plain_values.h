#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/core/ivalue.h>

namespace ff::model {

/// A quantized tensor whose codes are `values` themselves: for a tensor object that was quantized
/// and has no grid any more, since an operator wrote to it.
at::Tensor quantized_by_nothing(const at::Tensor& values);

/// True if a value is a quantized tensor.
bool is_quantized_value(const c10::IValue& value);

/// True if a tensor is quantized, and not by nothing.
bool is_in_codes(const at::Tensor& tensor);

/// True if a tensor is what a chain gives: in codes, or values that are computed block by block.
bool is_end_of_chain(const at::Tensor& tensor);

/// Makes a quantized tensor object another one, for all who have it.
void become(const at::Tensor& tensor, const at::Tensor& other);

/// A result of a model with all tensors in it plain; the model's own object where they are.
c10::IValue plain_result(const c10::IValue& result);

/// The memory that values may be written to: those of `tensor`, nobody else's.
at::Tensor own_values(const at::Tensor& tensor);

}  // namespace ff::model
