#include "problem.h"

#include <ATen/CPUGeneratorImpl.h>
#include <torch/types.h>

namespace bench {
namespace {

// 127 steps are 2.54 standard deviations: one value in 90 is clipped.
constexpr float kScale = 0.02F;
constexpr float kOffset = -3;

}  // namespace

at::Tensor normal(c10::IntArrayRef shape, uint64_t seed) {
  return torch::randn(shape, at::detail::createCPUGenerator(seed));
}

at::Tensor Problem::scale_view() const {
  const std::vector<int64_t> grid = granularity.grid_size(data.sizes());
  return scale.reshape(grid);
}

at::Tensor Problem::zero_point() const {
  return offset.neg().to(torch::kInt);
}

Problem per_tensor(int64_t elements) {
  return {normal({elements}), ff::PerTensor(), torch::full({1}, kScale), torch::full({1}, kOffset)};
}

Problem per_channel(std::vector<int64_t> shape, int64_t axis) {
  const int64_t channels = shape[axis];
  return {normal(shape), ff::PerChannel(axis), torch::linspace(0.8, 1.2, channels).mul_(kScale),
          torch::linspace(-kOffset, kOffset, channels).round_()};
}

std::vector<int64_t> matrix(int64_t elements, int64_t columns) {
  return {elements / columns, columns};
}

}  // namespace bench
