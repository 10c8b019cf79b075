#include "fastforward/nn/functional/activation.h"

#include <ATen/ops/gelu.h>
#include <ATen/ops/hardswish.h>
#include <ATen/ops/leaky_relu.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/relu6.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/tanh.h>
#include <c10/util/Exception.h>
#include <torch/nn/functional/activation.h>
#include <torch/nn/functional/dropout.h>

#include "nn/functional/call.h"

namespace ff::nn::functional {

namespace F = torch::nn::functional;

at::Tensor relu(const at::Tensor& input, const FunctionalOptions& options) {
  return call_one("relu", {{"input", input}}, options, [&] { return at::relu(input); });
}

at::Tensor relu6(const at::Tensor& input, const FunctionalOptions& options) {
  return call_one("relu6", {{"input", input}}, options, [&] { return at::relu6(input); });
}

at::Tensor silu(const at::Tensor& input, const FunctionalOptions& options) {
  return call_one("silu", {{"input", input}}, options, [&] { return at::silu(input); });
}

at::Tensor hardswish(const at::Tensor& input, const FunctionalOptions& options) {
  return call_one("hardswish", {{"input", input}}, options, [&] { return at::hardswish(input); });
}

at::Tensor sigmoid(const at::Tensor& input, const FunctionalOptions& options) {
  return call_one("sigmoid", {{"input", input}}, options, [&] { return at::sigmoid(input); });
}

at::Tensor tanh(const at::Tensor& input, const FunctionalOptions& options) {
  return call_one("tanh", {{"input", input}}, options, [&] { return at::tanh(input); });
}

at::Tensor gelu(const at::Tensor& input, const F::GELUFuncOptions& gelu,
                const FunctionalOptions& options) {
  return call_one("gelu", {{"input", input}}, options,
                  [&] { return at::gelu(input, gelu.approximate()); });
}

at::Tensor leaky_relu(const at::Tensor& input, double negative_slope,
                      const FunctionalOptions& options) {
  return call_one("leaky_relu", {{"input", input}}, options,
                  [&] { return at::leaky_relu(input, negative_slope); });
}

at::Tensor softmax(const at::Tensor& input, const F::SoftmaxFuncOptions& softmax,
                   const FunctionalOptions& options) {
  return call_one("softmax", {{"input", input}}, options,
                  [&] { return F::softmax(input, softmax); });
}

at::Tensor dropout(const at::Tensor& input, const F::DropoutFuncOptions& dropout,
                   const FunctionalOptions& options) {
  TORCH_CHECK_NOT_IMPLEMENTED(!dropout.inplace(),
                              "dropout: inplace is true, but a quantized tensor is never changed "
                              "in place; set it to false and use the result.");
  return call("dropout", {{"input", input}}, options, [&] { return F::dropout(input, dropout); });
}

}  // namespace ff::nn::functional
