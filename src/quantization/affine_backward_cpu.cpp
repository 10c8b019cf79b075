#include <ATen/ops/empty.h>

#include <algorithm>
#include <vector>

#include "fastforward/tensor/tiles.h"
#include "quantization/affine_grid.h"
#include "quantization/cpu_memory.h"
#include "quantization/grid_memory.h"

namespace ff {
namespace {

// One row a tile. Sums run over fixed blocks of kSumBlock elements; their results are added in
// order.
template <typename T>
void backward(const at::Tensor& data, const at::Tensor& gradient, const at::Tensor& data_gradient,
              const AffineGrid& grid, bool stream, kernels::Arithmetic<T>* scale_gradient,
              kernels::Arithmetic<T>* offset_gradient) {
  using P = kernels::Arithmetic<T>;
  const int64_t rows = data.size(0), columns = data.size(1);
  const int64_t blocks = (columns + kernels::kSumBlock - 1) / kernels::kSumBlock;
  const T *x = numbers_of<T>(data), *g = numbers_of<T>(gradient);
  T* dx = mutable_numbers_of<T>(data_gradient);
  const GridMemory<P> parameters(grid);
  const P *scale = parameters.scale(), *z = parameters.z();
  const P low = static_cast<P>(grid.low), high = static_cast<P>(grid.high);
  const auto kernel = kernels::entries<T>(kernel_table()).backward;
  std::vector<double> sums(2 * rows * blocks);
  const int64_t tasks_at_once =
      std::max<int64_t>(1, kBlockElements / std::clamp<int64_t>(columns, 1, kernels::kSumBlock));
  parallel_blocks(rows * blocks, tasks_at_once, [&](int64_t begin, int64_t end) {
    for (int64_t task = begin; task < end; ++task) {
      const int64_t row = task / blocks, first = task % blocks * kernels::kSumBlock;
      const int64_t at = row * columns + first, n = std::min(kernels::kSumBlock, columns - first);
      kernel(x + at, g + at, dx + at, n, scale[row], z[row], low, high, &sums[2 * task], stream);
    }
  });
  for (int64_t row = 0; row < rows; ++row) {
    double scale_sum = 0, offset_sum = 0;
    for (int64_t task = row * blocks; task < (row + 1) * blocks; ++task) {
      scale_sum += sums[2 * task];
      offset_sum += sums[2 * task + 1];
    }
    scale_gradient[row] = static_cast<P>(scale_sum);
    offset_gradient[row] = static_cast<P>(offset_sum);
  }
}

}  // namespace

AffineGradients backward_cpu(const at::Tensor& data, const at::Tensor& gradient,
                             const AffineGrid& grid, const at::Tensor& out) {
  const at::Tensor x = tiles_to_rows(data, grid.granularity).contiguous();
  const at::Tensor g = tiles_to_rows(gradient, grid.granularity).contiguous();
  // Where rows are a view of `out`, the kernel writes there.
  at::Tensor dx;
  if (out.defined() && out.is_contiguous()) {
    const at::Tensor rows = tiles_to_rows(out, grid.granularity);
    if (rows.is_contiguous() && rows.const_data_ptr() == out.const_data_ptr())
      dx = rows;
  }
  const bool in_place = dx.defined();
  if (!in_place)
    dx = fresh_like(x, x.scalar_type());
  std::array<at::Tensor, 2> sums;
  for (at::Tensor& sum : sums)
    sum = at::empty({x.size(0)}, at::TensorOptions().dtype(grid.type));
  with_number_type(x.scalar_type(), [&](auto number) {
    using T = decltype(number);
    using P = kernels::Arithmetic<T>;
    backward<T>(x, g, dx, grid, in_place && is_streamed(dx), sums[0].template mutable_data_ptr<P>(),
                sums[1].template mutable_data_ptr<P>());
  });
  if (!in_place) {
    dx = rows_to_tiles(dx, data.sizes(), grid.granularity);
    if (out.defined())
      out.copy_(dx);
  }
  return {out.defined() ? out : dx, sums[0], sums[1]};
}

}  // namespace ff
