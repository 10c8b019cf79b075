#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace ff {

/// Grids to choose from: scales and rounded offsets, [tiles, candidates], contiguous CPU memory of
/// the arithmetic's type.
struct CandidateGrids {
  at::Tensor scale;
  at::Tensor z;
  int64_t num_bits;
};

/// Returns the mean squared error of quantizing each row with each of its grids, [candidates,
/// tiles] in float64. Reads the data once.
///
/// `rows` is [tiles, elements], contiguous CPU memory of the grids' type, finite. Source of the
/// order of sums: docs/numerics.md. Data so large or small that its squares are no floats is
/// multiplied by a power of two, which changes no code.
at::Tensor candidate_errors(const at::Tensor& rows, const CandidateGrids& grids);

/// True if `candidate_errors` takes the errors of such tiles code by code from the distribution of
/// the numbers, false if number by number. The first is faster if there are far more numbers than
/// codes.
bool has_errors_by_code(int64_t elements, int64_t candidates, int64_t num_bits);

}  // namespace ff
