#pragma once

#include <ATen/core/Tensor.h>

#include <initializer_list>
#include <optional>

#include "dispatch/output_scope.h"
#include "fastforward/dispatch/strict.h"
#include "fastforward/nn/functional/options.h"
#include "tensor/plain.h"

namespace ff::nn::functional {

/// A tensor that must be quantized in strict mode. Undefined ones are absent.
struct Operand {
  const char* name;
  const at::Tensor& tensor;
};

/// True if `options` or else the thread asks for strict quantization.
bool is_strict(const FunctionalOptions& options);

/// Throws c10::TypeError for the first operand that is a plain tensor.
void check_operands(const char* function, std::initializer_list<Operand> operands);

/// The output quantizer's answer to `output`, checked in strict mode.
at::Tensor finish(const char* function, const at::Tensor& output, const FunctionalOptions& options,
                  bool strict);

/// While one operator runs: its result goes through the output quantizer. A result that comes
/// quantized has gone through it.
class OutputGrid {
 public:
  explicit OutputGrid(const FunctionalOptions& options);

 private:
  std::optional<BoundQuantizationFunction> function_;
  dispatch::OutputScope scope_;
};

/// The one way of all functional forms: checks, computes, quantizes the output.
///
/// `compute` calls LibTorch with the tensors as they are. It runs outside of strict mode, so the
/// boxed fallback hands each operator to a registered implementation, or dequantizes.
template <typename Compute>
at::Tensor call(const char* function, std::initializer_list<Operand> operands,
                const FunctionalOptions& options, const Compute& compute) {
  const bool strict = is_strict(options);
  if (strict)
    check_operands(function, operands);
  const at::Tensor output = [&] {
    const StrictGuard relaxed(false);
    return compute();
  }();
  return finish(function, output, options, strict);
}

/// The same for one operator, which may put its result on the output's grid itself.
template <typename Compute>
at::Tensor call_one(const char* function, std::initializer_list<Operand> operands,
                    const FunctionalOptions& options, const Compute& compute) {
  return call(function, operands, options, [&] {
    const OutputGrid grid(options);
    return compute();
  });
}

}  // namespace ff::nn::functional
