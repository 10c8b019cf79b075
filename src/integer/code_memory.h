#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace ff::integer {

/// Memory for codes, int8 on the CPU, not initialized. It comes from a pool to which it goes back
/// with the tensor: a model needs the same sizes in each run, and fresh memory costs more than a
/// pass over it. The pool keeps 128 MiB at most.
at::Tensor empty_codes(c10::IntArrayRef sizes, c10::IntArrayRef strides);
/// The same, contiguous.
at::Tensor empty_codes(c10::IntArrayRef sizes);

/// Gives back to the system what the pool has and no tensor uses.
void release_code_memory();

}  // namespace ff::integer
