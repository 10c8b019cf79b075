#pragma once

#include <ATen/core/Tensor.h>

#include <optional>
#include <vector>

#include "fastforward/tensor/granularity.h"

namespace ff::nn {

/// Throws c10::ValueError unless saved parameters are such as a range gives, or both empty, which
/// is the state before a range is set: shapes, types and values. `offset` is undefined where there
/// is none. The number of tiles is checked where `data_shape` is known.
void check_linear_state(const at::Tensor& scale, const at::Tensor& offset,
                        const Granularity& granularity,
                        const std::optional<std::vector<int64_t>>& data_shape = std::nullopt);

}  // namespace ff::nn
