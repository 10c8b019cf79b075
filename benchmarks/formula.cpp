#include "formula.h"

#include <torch/csrc/autograd/custom_function.h>
#include <torch/types.h>

namespace bench {
namespace {

struct RoundStraightThrough : torch::autograd::Function<RoundStraightThrough> {
  static at::Tensor forward(torch::autograd::AutogradContext*, const at::Tensor& data) {
    return data.round();
  }
  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext*,
                                               const torch::autograd::tensor_list& gradients) {
    return gradients;
  }
};

template <class Round>
at::Tensor formula(Round round, const at::Tensor& data, const at::Tensor& scale,
                   const at::Tensor& offset, int64_t num_bits) {
  const int64_t low = -(int64_t{1} << (num_bits - 1)), high = -low - 1;
  const at::Tensor z = round(offset);
  const at::Tensor codes = torch::clamp(round(data / scale - z), low, high);
  return (codes + z) * scale;
}

}  // namespace

at::Tensor fake_quantize_formula(const at::Tensor& data, const at::Tensor& scale,
                                 const at::Tensor& offset, int64_t num_bits) {
  return formula([](const at::Tensor& x) { return x.round(); }, data, scale, offset, num_bits);
}

at::Tensor trained_formula(const at::Tensor& data, const at::Tensor& scale,
                           const at::Tensor& offset, int64_t num_bits) {
  return formula([](const at::Tensor& x) { return RoundStraightThrough::apply(x); }, data, scale,
                 offset, num_bits);
}

}  // namespace bench
