#include "model/plain_values.h"

#include <c10/util/Exception.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "fastforward/tensor/quantized_tensor.h"
#include "integer/blocks.h"
#include "model/model_run.h"
#include "tensor/no_function.h"
#include "tensor/plain.h"

namespace ff::model {
namespace {

c10::IValue plain_list(const c10::IValue& list) {
  c10::impl::GenericList result = list.toList().copy();
  for (size_t i = 0; i < result.size(); ++i)
    result.set(i, plain_result(result.get(i)));
  return result;
}

c10::IValue plain_dictionary(const c10::IValue& dictionary) {
  c10::impl::GenericDict result = dictionary.toGenericDict().copy();
  for (const auto& entry : dictionary.toGenericDict())
    result.insert_or_assign(entry.key(), plain_result(entry.value()));
  return result;
}

}  // namespace

c10::IValue plain_result(const c10::IValue& result) {
  const std::vector<at::Tensor> tensors = tensors_in({result});
  if (std::none_of(tensors.begin(), tensors.end(), is_quantized))
    return result;  // the model's own object
  if (result.isTensor())
    return plain(result.toTensor());
  if (result.isTuple()) {
    std::vector<c10::IValue> elements;
    for (const c10::IValue& element : result.toTupleRef().elements())
      elements.push_back(plain_result(element));
    return c10::ivalue::Tuple::create(std::move(elements));
  }
  if (result.isList())
    return plain_list(result);
  return result.isGenericDict() ? plain_dictionary(result) : result;
}

at::Tensor quantized_by_nothing(const at::Tensor& values) {
  return no_function().attach(values, values.scalar_type());
}

bool is_quantized_value(const c10::IValue& value) {
  return value.isTensor() && is_quantized(value.toTensor());
}

bool is_in_codes(const at::Tensor& tensor) {
  return is_quantized(tensor) && !is_quantized_by_nothing(tensor);
}

bool is_end_of_chain(const at::Tensor& tensor) {
  return is_in_codes(tensor) || integer::block_values(tensor) != nullptr;
}

void become(const at::Tensor& tensor, const at::Tensor& other) {
  TORCH_INTERNAL_ASSERT(is_quantized(tensor) && is_quantized(other));
  tensor.unsafeGetTensorImpl()->shallow_copy_from(other.getIntrusivePtr());
}

at::Tensor own_values(const at::Tensor& tensor) {
  const at::Tensor values = ff::dequantize(tensor);
  return values.is_alias_of(codes(tensor)) ? values.clone() : values;
}

}  // namespace ff::model
