#include "fastforward/quantization/function.h"

#include <c10/util/Exception.h>

namespace ff::detail {

void check_quantizable(const std::string& function, const at::Tensor& data) {
  TORCH_CHECK_TYPE(data.defined(), function, ": the data is an undefined tensor; give a tensor.");
  TORCH_CHECK_VALUE(!is_quantized(data), function, ": the data of shape ", data.sizes(),
                    " is quantized already, with ", bound_function(data),
                    "; call dequantize() on it first.");
  TORCH_CHECK_TYPE(
      data.is_floating_point(), function, ": the data has type ", data.scalar_type(),
      "; expected float32, float64, bfloat16 or float16. Convert it with to(torch::kFloat).");
}

}  // namespace ff::detail
