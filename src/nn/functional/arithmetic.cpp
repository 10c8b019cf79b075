#include "fastforward/nn/functional/arithmetic.h"

#include <ATen/ops/add.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/mul.h>

#include <string>

#include "nn/functional/call.h"

namespace ff::nn::functional {

at::Tensor add(const at::Tensor& input, const at::Tensor& other, const at::Scalar& alpha,
               const FunctionalOptions& options) {
  return call_one("add", {{"input", input}, {"other", other}}, options,
                  [&] { return at::add(input, other, alpha); });
}

at::Tensor add(const at::Tensor& input, const at::Scalar& other, const FunctionalOptions& options) {
  return call_one("add", {{"input", input}}, options, [&] { return at::add(input, other); });
}

at::Tensor mul(const at::Tensor& input, const at::Tensor& other, const FunctionalOptions& options) {
  return call_one("mul", {{"input", input}, {"other", other}}, options,
                  [&] { return at::mul(input, other); });
}

at::Tensor mul(const at::Tensor& input, const at::Scalar& other, const FunctionalOptions& options) {
  return call_one("mul", {{"input", input}}, options, [&] { return at::mul(input, other); });
}

at::Tensor cat(at::TensorList tensors, int64_t dim, const FunctionalOptions& options) {
  if (is_strict(options)) {
    for (size_t i = 0; i < tensors.size(); ++i)
      check_operands("cat", {{("tensors[" + std::to_string(i) + "]").c_str(), tensors[i]}});
  }
  return call_one("cat", {}, options, [&] { return at::cat(tensors, dim); });
}

}  // namespace ff::nn::functional
