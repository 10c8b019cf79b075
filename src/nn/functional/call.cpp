#include "nn/functional/call.h"

#include <c10/util/Exception.h>

#include "fastforward/dispatch/integer_guard.h"
#include "fastforward/nn/quantizer_stub.h"

namespace ff::nn::functional {

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

OutputGrid::OutputGrid(const FunctionalOptions& options)
    : function_(options.output_quantizer.is_empty() || !integers_enabled()
                    ? std::nullopt
                    : options.output_quantizer->fixed_function()),
      scope_({function_.has_value() ? &*function_ : nullptr}) {}

namespace {

// True if an integer form has quantized it already.
bool is_on_grid(const at::Tensor& output, const QuantizerImpl& quantizer) {
  if (!integers_enabled() || !is_quantized(output))
    return false;
  const std::optional<BoundQuantizationFunction> function = quantizer.fixed_function();
  return function.has_value() && bound_function(output).equal(*function);
}

}  // namespace

at::Tensor finish(const char* function, const at::Tensor& output, const FunctionalOptions& options,
                  bool strict) {
  at::Tensor result = output;
  const Quantizer& quantizer = options.output_quantizer;
  const bool empty = quantizer.is_empty();
  if (!empty && !is_on_grid(output, *quantizer)) {
    result = quantizer.ptr()->forward(is_stub(*quantizer) ? output : plain(output));
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
