#include "fastforward/nn/functional/linear.h"

#include <ATen/ops/bmm.h>
#include <ATen/ops/matmul.h>
#include <torch/nn/functional/linear.h>

#include "dispatch/registry.h"
#include "fastforward/tensor/quantized_tensor.h"
#include "nn/functional/call.h"

namespace ff::nn::functional {
namespace {

std::optional<at::Tensor> optional(const at::Tensor& tensor) {
  return tensor.defined() ? std::optional(tensor) : std::nullopt;
}

}  // namespace

at::Tensor linear(const at::Tensor& input, const at::Tensor& weight, const at::Tensor& bias,
                  const FunctionalOptions& options) {
  return call_one("linear", {{"input", input}, {"weight", weight}}, options, [&] {
    // LibTorch's functional form transposes the weight and calls other operators than aten::linear,
    // with other roundings.
    if (is_quantized(input) || is_quantized(weight) || is_quantized(bias)) {
      if (const auto result =
              dispatch::try_operator("aten::linear", {input, weight, optional(bias)}))
        return result->toTensor();
    }
    return torch::nn::functional::linear(plain(input), plain(weight), plain(bias));
  });
}

at::Tensor matmul(const at::Tensor& input, const at::Tensor& other,
                  const FunctionalOptions& options) {
  return call_one("matmul", {{"input", input}, {"other", other}}, options,
                  [&] { return at::matmul(input, other); });
}

at::Tensor bmm(const at::Tensor& input, const at::Tensor& mat2, const FunctionalOptions& options) {
  return call_one("bmm", {{"input", input}, {"mat2", mat2}}, options,
                  [&] { return at::bmm(input, mat2); });
}

}  // namespace ff::nn::functional
