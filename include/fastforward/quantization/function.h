#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "fastforward/core/api.h"
#include "fastforward/quantization/bound_arguments.h"
#include "fastforward/tensor/bound_function.h"
#include "fastforward/tensor/quantized_tensor.h"

namespace ff {

/// Base of user-written quantization functions: derive, and write static `quantize` and
/// `dequantize`.
///
///     struct MyFunction : ff::QuantizationFunction<MyFunction> {
///       static torch::Tensor quantize(const torch::Tensor& data, int64_t num_bits, double scale);
///       static torch::Tensor dequantize(const torch::Tensor& codes, int64_t num_bits, double);
///     };
///     torch::Tensor q = MyFunction::apply(data, 8, 0.1);  // a quantized tensor
///     torch::Tensor x = q.dequantize();
///
/// The arguments after the data are your own (integers, floats, bools, strings, tensors,
/// std::optional of these, and any type with operator<<); quantize and dequantize take the same
/// list. Trailing std::optional arguments may be left out. Neither may be overloaded or a template.
/// Codes may have any type.
///
/// Gradients: LibTorch's autograd runs through both functions as you wrote them, so round with
/// ff::round_ste. Where you know the gradient of the whole, use QuantizationAutogradFunction.
///
/// Optional members of Derived: `static std::vector<std::string> argument_names()` names the
/// arguments (for printing, argument() and rebind()); without it they are "arg0", "arg1", ...
/// `static constexpr bool kElementwise = true` says that each code stands for itself and all tensor
/// arguments have one element, so view, slice, cat, ... stay quantized. `static constexpr bool
/// kMonotonic = true` says that greater codes are greater values, so that max_pool works on codes.
/// Source: FastForward's QuantizationFunction.
template <typename Derived>
class QuantizationFunction {
 public:
  /// Quantizes `data` with `arguments`. Throws c10::TypeError if data is no floating-point tensor,
  /// c10::ValueError if it is quantized already.
  template <typename... Arguments>
  static at::Tensor apply(const at::Tensor& data, Arguments&&... arguments) {
    return bind(std::forward<Arguments>(arguments)...).quantize(data);
  }

  /// Binds all arguments after the data.
  template <typename... Arguments>
  static BoundQuantizationFunction bind(Arguments&&... arguments) {
    return BoundQuantizationFunction(std::make_shared<detail::BoundArguments<Derived>>(
        detail::make_arguments<Derived>(std::forward<Arguments>(arguments)...)));
  }

  /// Makes a quantized tensor of codes that were made elsewhere. See
  /// BoundQuantizationFunction::attach for its dtype.
  template <typename... Arguments>
  static at::Tensor attach(const at::Tensor& codes, Arguments&&... arguments) {
    return bind(std::forward<Arguments>(arguments)...).attach(codes);
  }

 private:
  friend class detail::BoundArguments<Derived>;

  // Calls quantize under the current autograd mode; the codes carry the graph.
  template <typename Tuple>
  static at::Tensor quantize_with(const BoundQuantizationFunction& self, const at::Tensor& data,
                                  const Tuple& arguments) {
    const at::Tensor codes = std::apply(
        [&](const auto&... argument) { return Derived::quantize(data, argument...); }, arguments);
    return make_quantized_tensor(codes, self, data.scalar_type());
  }
};

}  // namespace ff
