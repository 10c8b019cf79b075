#include "quantization/candidate_errors.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/mul.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "quantization/affine_grid.h"
#include "quantization/cpu_memory.h"

namespace ff {
namespace {

// The exponent of the largest magnitude if squares of such data may be no normal floats, else 0.
template <typename P>
int exponent_to_remove(const at::Tensor& rows) {
  P largest = 0;
  const auto kernel = kernels::entries<P>(kernel_table()).max_abs;
  const P* data = rows.const_data_ptr<P>();
  kernel(data, kernels::uniform_panel(rows.numel()), &largest);
  constexpr int kHarmless = 30;
  const int exponent = largest > 0 ? std::ilogb(largest) : 0;
  return std::abs(exponent) > kHarmless ? exponent : 0;
}

template <typename P>
void sum_errors(const at::Tensor& rows, const CandidateGrids& grids, at::Tensor& errors) {
  const int64_t tiles = rows.size(0), columns = rows.size(1), candidates = grids.scale.size(1);
  const int64_t blocks = (columns + kernels::kSumBlock - 1) / kernels::kSumBlock;
  const double half = std::exp2(static_cast<double>(grids.num_bits - 1));
  const P low = static_cast<P>(-half), high = static_cast<P>(half - 1);
  const P *data = rows.const_data_ptr<P>(), *scale = grids.scale.const_data_ptr<P>(),
          *z = grids.z.const_data_ptr<P>();
  const auto kernel = kernels::entries<P>(kernel_table()).squared_errors;
  std::vector<double> sums(tiles * blocks * candidates);
  const int64_t work = std::clamp<int64_t>(columns, 1, kernels::kSumBlock) * candidates;
  parallel_blocks(
      tiles * blocks, std::max<int64_t>(1, kBlockElements / work), [&](int64_t begin, int64_t end) {
        for (int64_t task = begin; task < end; ++task) {
          const int64_t tile = task / blocks;
          const int64_t first = task % blocks * kernels::kSumBlock;
          kernel(data + tile * columns + first, std::min(kernels::kSumBlock, columns - first),
                 candidates, scale + tile * candidates, z + tile * candidates, low, high,
                 &sums[task * candidates]);
        }
      });
  double* result = errors.mutable_data_ptr<double>();
  for (int64_t tile = 0; tile < tiles; ++tile) {
    for (int64_t c = 0; c < candidates; ++c) {
      double sum = 0;
      for (int64_t block = 0; block < blocks; ++block)
        sum += sums[(tile * blocks + block) * candidates + c];
      result[c * tiles + tile] = sum / static_cast<double>(columns);
    }
  }
}

template <typename P>
at::Tensor errors_of(const at::Tensor& rows, const CandidateGrids& grids) {
  at::Tensor errors = at::empty({grids.scale.size(1), rows.size(0)}, at::kDouble);
  const int exponent = exponent_to_remove<P>(rows);
  if (exponent == 0) {
    sum_errors<P>(rows, grids, errors);
    return errors;
  }
  // In two steps: 2^-exponent alone may be no normal number.
  const auto scaled = [&](const at::Tensor& tensor) {
    const int first = exponent / 2;
    return tensor.mul(std::ldexp(1.0, -first)).mul(std::ldexp(1.0, first - exponent));
  };
  sum_errors<P>(scaled(rows), {scaled(grids.scale), grids.z, grids.num_bits}, errors);
  return errors.mul_(std::ldexp(1.0, exponent)).mul_(std::ldexp(1.0, exponent));
}

}  // namespace

at::Tensor candidate_errors(const at::Tensor& rows, const CandidateGrids& grids) {
  return rows.scalar_type() == at::kDouble ? errors_of<double>(rows, grids)
                                           : errors_of<float>(rows, grids);
}

}  // namespace ff
