#pragma once

#include <gtest/gtest.h>
#include <torch/autograd.h>
#include <torch/types.h>

#include <vector>

#include "fastforward/tensor/quantized_tensor.h"

namespace ff::test {

/// True if both tensors have one shape, type and device and equal elements; NaN equals NaN, -0
/// equals 0.
inline testing::AssertionResult same(const torch::Tensor& got, const torch::Tensor& expected) {
  if (!got.defined() || !expected.defined()) {
    if (got.defined() == expected.defined())
      return testing::AssertionSuccess();
    return testing::AssertionFailure() << "one of the two tensors is undefined";
  }
  if (got.sizes() != expected.sizes() || got.dtype() != expected.dtype() ||
      got.device() != expected.device()) {
    return testing::AssertionFailure()
           << "got " << got.dtype() << " " << got.sizes() << " on " << got.device() << ", expected "
           << expected.dtype() << " " << expected.sizes() << " on " << expected.device();
  }
  const torch::Tensor a = got.detach().contiguous(), b = expected.detach().contiguous();
  const torch::Tensor differ = a.ne(b).logical_and(a.eq(a).logical_or(b.eq(b)));
  const int64_t count = differ.sum().item<int64_t>();
  if (count == 0)
    return testing::AssertionSuccess();
  const int64_t first = differ.reshape({-1}).nonzero()[0][0].item<int64_t>();
  return testing::AssertionFailure()
         << count << " of " << a.numel() << " elements differ, the first at flat index " << first
         << ": got " << a.reshape({-1})[first].item<double>() << ", expected "
         << b.reshape({-1})[first].item<double>() << "; shape " << a.sizes();
}

/// A float32 tensor of the given values.
inline torch::Tensor floats(const std::vector<float>& values) {
  return torch::tensor(values, torch::kFloat);
}

/// An int8 tensor of the given codes.
inline torch::Tensor int8s(const std::vector<int>& values) {
  return torch::tensor(values, torch::kInt).to(torch::kChar);
}

/// Normal random data of a shape, the same for each `seed`.
inline torch::Tensor random_data(at::IntArrayRef shape, uint64_t seed,
                                 torch::ScalarType type = torch::kFloat) {
  auto generator = at::detail::createCPUGenerator(seed);
  return torch::randn(shape, generator, torch::kDouble).to(type);
}

/// The gradient of (output * weight).sum() for `input`.
inline torch::Tensor gradient_of(const torch::Tensor& output, const torch::Tensor& input,
                                 const torch::Tensor& weight) {
  return torch::autograd::grad({(output * weight).sum()}, {input}, {}, /*retain_graph=*/true)[0];
}

}  // namespace ff::test
