#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty_strided.h>
#include <torch/csrc/autograd/custom_function.h>

#include <optional>
#include <tuple>
#include <vector>

#include "fastforward/quantization/function.h"

namespace ff {
namespace detail {

/// Whether a gradient is wanted for a tensor that is in the tuple.
template <typename Tuple>
bool any_requires_grad(const at::Tensor& data, const Tuple& arguments) {
  if (!at::GradMode::is_enabled())
    return false;
  const auto requires_grad = [](const auto& value) {
    using T = std::decay_t<decltype(value)>;
    if constexpr (std::is_same_v<T, at::Tensor>)
      return value.defined() && value.requires_grad();
    if constexpr (std::is_same_v<T, std::optional<at::Tensor>>) {
      return value.has_value() && value->defined() && value->requires_grad();
    }
    return false;
  };
  return data.requires_grad() ||
         std::apply([&](const auto&... value) { return (requires_grad(value) || ...); }, arguments);
}

/// A tensor of the shape and type of `data` with one element of memory: only its place in the graph
/// matters.
inline at::Tensor make_carrier(const at::Tensor& data) {
  const std::vector<int64_t> strides(data.dim(), 0);
  return at::empty_strided(data.sizes(), strides, data.options().requires_grad(false)).zero_();
}

/// quantize and dequantize as one node of the graph: gives the codes, and the carrier that
/// gradients come back by.
template <typename Derived>
struct QuantDequant : torch::autograd::Function<QuantDequant<Derived>> {
  template <typename... Arguments>
  static at::Tensor forward(torch::autograd::AutogradContext* ctx, const at::Tensor& data,
                            at::Tensor* codes, const Arguments&... arguments) {
    *codes = Derived::quantize(ctx, data, arguments...);
    return make_carrier(data);
  }
  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext* ctx,
                                               const torch::autograd::tensor_list& gradients) {
    constexpr size_t kArguments = std::tuple_size_v<ArgumentTuple<Derived>>;
    torch::autograd::tensor_list result = Derived::quant_dequant_backward(ctx, gradients[0]);
    TORCH_CHECK_VALUE(result.size() == kArguments + 1, BoundArguments<Derived>::function_name(),
                      "::quant_dequant_backward returned ", result.size(),
                      " gradients; expected one for the data and one for each of the ", kArguments,
                      " arguments (an undefined tensor where there is none).");
    result.insert(result.begin() + 1, at::Tensor());  // of the pointer to the codes
    return result;
  }
};

}  // namespace detail

/// A QuantizationFunction that knows the gradient of dequantize(quantize(data)) and computes it in
/// one step.
///
///     using torch::autograd::AutogradContext;
///     struct MyFunction : ff::QuantizationAutogradFunction<MyFunction> {
///       static torch::Tensor quantize(AutogradContext* ctx, const torch::Tensor& data, ...);
///       static torch::Tensor dequantize(const torch::Tensor& codes, ...);
///       static torch::autograd::tensor_list quant_dequant_backward(AutogradContext* ctx,
///                                                                  const torch::Tensor& gradient);
///     };
///
/// `quantize` saves in ctx what the backward needs (ctx->save_for_backward, ctx->saved_data) and
/// may return integer codes. `quant_dequant_backward` gets the gradient of the dequantized value
/// and returns one gradient for the data and one for each argument, undefined where there is none.
/// It runs once for each backward pass, however often the tensor was dequantized. Neither function
/// runs under autograd. Source: FastForward's QuantizationAutogradFunction.
template <typename Derived>
class QuantizationAutogradFunction : public QuantizationFunction<Derived> {
  friend class detail::BoundArguments<Derived>;

 protected:
  /// Quantizes with bound arguments, as one node of the graph where a gradient is wanted.
  template <typename Tuple>
  static at::Tensor quantize_with(const BoundQuantizationFunction& self, const at::Tensor& data,
                                  const Tuple& arguments) {
    at::Tensor codes, carrier;
    if (detail::any_requires_grad(data, arguments)) {
      carrier = std::apply(
          [&](const auto&... argument) {
            return detail::QuantDequant<Derived>::apply(data, &codes, argument...);
          },
          arguments);
    } else {
      torch::autograd::AutogradContext ctx;
      const at::NoGradGuard no_grad;
      codes = std::apply(
          [&](const auto&... argument) { return Derived::quantize(&ctx, data, argument...); },
          arguments);
    }
    return make_quantized_tensor(codes, self, data.scalar_type(), carrier);
  }
};

}  // namespace ff
