#include "fastforward/nn/quantized_linear.h"

#include "fastforward/nn/functional/linear.h"
#include "nn/located.h"

namespace ff::nn {

at::Tensor QuantizedLinearImpl::forward(const at::Tensor& input) {
  return located(*this, [&] {
    return functional::linear(quantized_input(input), quantized_weight(), quantized_bias(),
                              output_options());
  });
}

}  // namespace ff::nn
