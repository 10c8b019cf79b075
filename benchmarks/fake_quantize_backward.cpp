#include <torch/types.h>

#include "compare.h"
#include "fastforward/quantization/fake_quantize.h"
#include "memory_limits.h"
#include "problem.h"
#include "questions.h"

namespace bench {
namespace {

// Reads data and gradient, writes the data's gradient: 12 bytes are moved for an element, as by a
// copy of 6.
constexpr int64_t kCopiedBytes = 6;

// The gradients of data, scale and offset.
using Gradients = std::tuple<at::Tensor, at::Tensor, at::Tensor>;

// LibTorch's backward rounds zero points by cutting off zero_point + 0.5, which is wrong below
// zero; those of per_tensor() are above.
//
// Scales that are powers of two: then LibTorch's multiplication with the reciprocal is the division
// that we do, no code differs, and what is left is the order of the sums.
Problem with_exact_reciprocals(Problem problem) {
  problem.scale = problem.scale.log2().round().exp2();
  return problem;
}

Gradients torch_gradients(const Problem& problem, const at::Tensor& gradient,
                          const at::Tensor& zero_point) {
  constexpr int64_t kLow = -128, kHigh = 127;
  if (problem.granularity.is_per_tensor()) {
    return torch::_fake_quantize_learnable_per_tensor_affine_backward(
        gradient, problem.data, problem.scale, zero_point, kLow, kHigh);
  }
  return torch::_fake_quantize_learnable_per_channel_affine_backward(
      gradient, problem.data, problem.scale, zero_point, /*axis=*/0, kLow, kHigh);
}

void check(const Problem& problem, const at::Tensor& gradient, const Gradients& ours,
           const Gradients& peer) {
  expect_same("data gradient", std::get<0>(ours), std::get<0>(peer));
  // Sums of float32 by halves have an error of about log2(n) * 2^-24 of the sum of magnitudes,
  // which are at most 131 |gradient| for the scale, in one value of 90, and half of it in the rest.
  const at::Tensor magnitude =
      problem.granularity.is_per_tensor() ? gradient.abs().sum().view({1}) : gradient.abs().sum(1);
  expect_same("scale gradient", std::get<1>(ours), std::get<1>(peer), {magnitude * 1e-5});
  // LibTorch's zero point is minus our offset.
  expect_same("offset gradient", std::get<2>(ours), -std::get<2>(peer), {magnitude * 1e-5});
}

Contest backward(const Problem& problem) {
  const at::Tensor gradient = normal(problem.data.sizes(), /*seed=*/2);
  at::Tensor data_gradient = torch::zeros_like(problem.data);
  const std::function<Gradients()> ours = [=]() mutable -> Gradients {
    const ff::ParameterGradients parameters = ff::fake_quantize_backward_out(
        data_gradient, gradient, problem.data, problem.scale, problem.offset, problem.granularity);
    return {data_gradient, parameters.scale, parameters.offset};
  };
  // The zero points of this function are float.
  const auto peer = [=, zero_point = -problem.offset] {
    return torch_gradients(problem, gradient, zero_point);
  };
  return {{"ff::fake_quantize_backward_out", [=] { ours(); }},
          Contestant{problem.granularity.is_per_tensor()
                         ? "torch._fake_quantize_learnable_per_tensor_affine_backward"
                         : "torch._fake_quantize_learnable_per_channel_affine_backward",
                     [=] { peer(); }},
          copy_limit(kCopiedBytes * problem.data.numel()),
          [=] { check(problem, gradient, ours(), peer()); }};
}

}  // namespace

std::vector<Benchmark> fake_quantize_backward(const Sizes& sizes) {
  return {{"fake_quantize_backward/tensor/DRAM",
           {10, 0.8},
           [=] { return backward(with_exact_reciprocals(per_tensor(sizes.dram))); }},
          {"fake_quantize_backward/channel0/DRAM", {10, 0.8}, [=] {
             return backward(with_exact_reciprocals(per_channel(matrix(sizes.dram, 8192), 0)));
           }}};
}

}  // namespace bench
