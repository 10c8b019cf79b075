#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "fastforward/dispatch/operators.h"
#include "integer/grid.h"

namespace ff::integer {

/// The code of the result for each code of the operand: entry i is for code i - 128.
using LookupTable = std::array<int8_t, 256>;

/// The table of an operator that computes each element from one element of its only quantized
/// argument: the operator itself computes 256 values. `output` is the grid of the result. Tables
/// are kept.
std::shared_ptr<const LookupTable> lookup_table(const dispatch::OperatorCall& call,
                                                size_t quantized, const Grid& input,
                                                const Grid& output,
                                                const BoundQuantizationFunction& function);

/// The codes that a table has for `codes`, in the same order in memory.
at::Tensor look_up(const at::Tensor& codes, const LookupTable& table);

}  // namespace ff::integer
