#include "torch_peers.h"

#include <torch/types.h>

#include "formula.h"

namespace bench {
namespace {

constexpr int64_t kLow = -128, kHigh = 127;
constexpr double kReciprocalFraction = 3e-5;

}  // namespace

Answer torch_fake_quantize(const Problem& problem) {
  const at::Tensor data = problem.data, scale = problem.scale, zero_point = problem.zero_point();
  if (problem.granularity.is_per_tensor()) {
    return {"torch.fake_quantize_per_tensor_affine",
            [=, scale = scale.item<double>(), zero_point = zero_point.item<int64_t>()] {
              return torch::fake_quantize_per_tensor_affine(data, scale, zero_point, kLow, kHigh);
            }};
  }
  const int64_t axis = std::get<ff::PerChannel>(problem.granularity.kind()).axes.front();
  return {"torch.fake_quantize_per_channel_affine", [=] {
            return torch::fake_quantize_per_channel_affine(data, scale, zero_point, axis, kLow,
                                                           kHigh);
          }};
}

Answer formula_peer(const Problem& problem, c10::IntArrayRef shape) {
  return {"ATen operators",
          [=, scale = problem.scale_view(), offset = problem.offset.view_as(problem.scale_view()),
           shape = shape.vec()] {
            return fake_quantize_formula(problem.data, scale, offset).view(shape);
          }};
}

Tolerance one_step(const Problem& problem) {
  return {.difference = problem.scale_view() * 1.001, .fraction = kReciprocalFraction};
}

}  // namespace bench
