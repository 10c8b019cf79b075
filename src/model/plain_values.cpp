#include "model/plain_values.h"

#include <c10/util/Exception.h>

#include "fastforward/tensor/quantized_tensor.h"
#include "integer/blocks.h"
#include "tensor/no_function.h"

namespace ff::model {
at::Tensor quantized_by_nothing(const at::Tensor& values) {
  return no_function().attach(values, values.scalar_type());
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
