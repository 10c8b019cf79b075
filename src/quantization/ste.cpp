#include "fastforward/quantization/ste.h"

#include <ATen/ops/round.h>
#include <c10/util/Exception.h>
#include <torch/csrc/autograd/custom_function.h>

namespace ff {
namespace {

using Rounding = std::function<at::Tensor(const at::Tensor&)>;

struct StraightThrough : torch::autograd::Function<StraightThrough> {
  static at::Tensor forward(torch::autograd::AutogradContext*, const at::Tensor& data,
                            const Rounding* function) {
    at::Tensor result = (*function)(data);
    TORCH_CHECK_VALUE(result.sizes() == data.sizes(), "ff::ste: the function changed the shape ",
                      data.sizes(), " into ", result.sizes(),
                      "; a straight-through function must keep it.");
    return result.is_same(data) ? data.clone() : result;
  }
  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext*,
                                               const torch::autograd::tensor_list& gradients) {
    return {gradients[0], at::Tensor()};
  }
};

}  // namespace

at::Tensor round_ste(const at::Tensor& data) {
  static const Rounding round = [](const at::Tensor& x) { return at::round(x); };
  return StraightThrough::apply(data, &round);
}

std::function<at::Tensor(const at::Tensor&)> ste(Rounding function) {
  return [function = std::move(function)](const at::Tensor& data) {
    return StraightThrough::apply(data, &function);
  };
}

}  // namespace ff
