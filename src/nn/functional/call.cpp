#include "nn/functional/call.h"

#include <c10/util/Exception.h>

#include "fastforward/nn/quantizer_stub.h"
#include "fastforward/tensor/quantized_tensor.h"

namespace ff::nn::functional {

at::Tensor plain(const at::Tensor& tensor) {
  return is_quantized(tensor) ? ff::dequantize(tensor) : tensor;
}

bool is_strict(const FunctionalOptions& options) {
  return options.strict.value_or(strict_quantization());
}

void check_operands(const char* function, std::initializer_list<Operand> operands) {
  for (const auto& [name, tensor] : operands) {
    TORCH_CHECK_TYPE(!tensor.defined() || is_quantized(tensor), "strict quantization: ", function,
                     " got a plain tensor of shape ", tensor.sizes(), " as '", name,
                     "'. Quantize it before (a QuantizerStub in a layer does not), or let plain "
                     "tensors pass with ff::StrictGuard relaxed(false).");
  }
}

at::Tensor finish(const char* function, const at::Tensor& output, const FunctionalOptions& options,
                  bool strict) {
  at::Tensor result = output;
  const Quantizer& quantizer = options.output_quantizer;
  const bool empty = quantizer.is_empty();
  if (!empty) {
    const bool stub = dynamic_cast<const QuantizerStubImpl*>(quantizer.get()) != nullptr;
    result = quantizer.ptr()->forward(stub ? output : plain(output));
  }
  TORCH_CHECK_TYPE(!strict || is_quantized(result), "strict quantization: the output of ", function,
                   ", of shape ", result.sizes(), ", is a plain tensor: ",
                   empty ? "there is no output_quantizer"
                         : quantizer->describe() + " as output_quantizer did not quantize it",
                   ". Give one that does, or let plain tensors pass with ff::StrictGuard "
                   "relaxed(false).");
  return result;
}

}  // namespace ff::nn::functional
