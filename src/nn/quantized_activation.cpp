#include "fastforward/nn/quantized_activation.h"

#include <ostream>

#include "fastforward/nn/functional/activation.h"
#include "nn/located.h"

namespace ff::nn {

at::Tensor QuantizedReLUImpl::forward(const at::Tensor& input) {
  return located(*this, [&] { return functional::relu(quantized_input(input), output_options()); });
}

at::Tensor QuantizedReLU6Impl::forward(const at::Tensor& input) {
  return located(*this,
                 [&] { return functional::relu6(quantized_input(input), output_options()); });
}

at::Tensor QuantizedSiLUImpl::forward(const at::Tensor& input) {
  return located(*this, [&] { return functional::silu(quantized_input(input), output_options()); });
}

at::Tensor QuantizedGELUImpl::forward(const at::Tensor& input) {
  return located(*this, [&] {
    return functional::gelu(
        quantized_input(input),
        torch::nn::functional::GELUFuncOptions().approximate(options.approximate()),
        output_options());
  });
}

at::Tensor QuantizedSigmoidImpl::forward(const at::Tensor& input) {
  return located(*this,
                 [&] { return functional::sigmoid(quantized_input(input), output_options()); });
}

at::Tensor QuantizedTanhImpl::forward(const at::Tensor& input) {
  return located(*this, [&] { return functional::tanh(quantized_input(input), output_options()); });
}

at::Tensor QuantizedLeakyReLUImpl::forward(const at::Tensor& input) {
  return located(*this, [&] {
    return functional::leaky_relu(quantized_input(input), options.negative_slope(),
                                  output_options());
  });
}

at::Tensor QuantizedSoftmaxImpl::forward(const at::Tensor& input) {
  return located(*this, [&] {
    return functional::softmax(quantized_input(input), options.dim(), output_options());
  });
}

at::Tensor QuantizedHardswishImpl::forward(const at::Tensor& input) {
  return located(*this,
                 [&] { return functional::hardswish(quantized_input(input), output_options()); });
}

void detail::HardswishImpl::pretty_print(std::ostream& stream) const {
  stream << "torch::nn::Hardswish()";
}

}  // namespace ff::nn
