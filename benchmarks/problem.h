#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "fastforward/tensor/granularity.h"

namespace bench {

/// Normally distributed float32 values, the same ones in every run.
at::Tensor normal(c10::IntArrayRef shape, uint64_t seed = 1);

/// Data and an 8-bit grid for it that clips about one value in a hundred.
struct Problem {
  at::Tensor data;
  ff::Granularity granularity;
  /// [tiles], not equal to each other.
  at::Tensor scale;
  /// [tiles], float32 integers.
  at::Tensor offset;

  /// scale in a shape that broadcasts to the data's.
  at::Tensor scale_view() const;
  /// LibTorch's zero points: q = round(x / scale) + zero_point is q = round(x / scale - offset).
  at::Tensor zero_point() const;
};

/// One grid for all data, [elements].
Problem per_tensor(int64_t elements);

/// A grid for each index along `axis`.
Problem per_channel(std::vector<int64_t> shape, int64_t axis);

/// The shape [elements / columns, columns].
std::vector<int64_t> matrix(int64_t elements, int64_t columns);

}  // namespace bench
