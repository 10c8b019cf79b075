#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "core/parallel.h"
#include "fastforward/tensor/tiles.h"
#include "kernels/table.h"
#include "quantization/affine_grid.h"
#include "tensor/tiling.h"

namespace ff {
namespace {

const kernels::Table& table() {
  static const kernels::Table& chosen = [&]() -> const kernels::Table& {
    const char* isa = std::getenv("FF_ISA");
    const kernels::Table* found = kernels::find_table(isa);
    std::string names;
    const kernels::TableList list = kernels::available_tables();
    for (int i = 0; i < list.size; ++i)
      names += (i ? ", " : "") + std::string(list.tables[i]->isa);
    TORCH_CHECK_VALUE(found != nullptr, "FF_ISA=", isa,
                      ": this build and processor have kernels for: ", names,
                      "; set FF_ISA to one of them or unset it.");
    return *found;
  }();
  return chosen;
}

at::Tensor dense(const at::Tensor& tensor) {
  return tensor.is_non_overlapping_and_dense() ? tensor : tensor.contiguous();
}

// Calls body(offset, n, scale, z, parameter_stride) on runs of memory, in parallel.
template <typename T, typename Body>
void for_each_run(const at::Tensor& memory, const AffineGrid& grid, const Body& body) {
  const Tiling tiling = make_tiling(memory.sizes(), memory.strides(), grid.granularity);
  const T* scale = grid.scale.const_data_ptr<T>();
  const T* z = grid.z.const_data_ptr<T>();
  parallel_blocks(tiling.num_elements, kBlockElements, [&](int64_t begin, int64_t end) {
    tiling.for_each_run(begin, end,
                        [&](int64_t offset, int64_t n, int64_t parameter, int64_t stride) {
                          body(offset, n, scale + parameter, z + parameter, stride);
                        });
  });
}

template <typename T, typename Code>
void quantize(const at::Tensor& data, const at::Tensor& codes, const AffineGrid& grid) {
  const T* in = data.const_data_ptr<T>();
  Code* out = codes.mutable_data_ptr<Code>();
  const auto& entries = kernels::entries<T>(table());
  const auto low = static_cast<T>(grid.low), high = static_cast<T>(grid.high);
  for_each_run<T>(data, grid,
                  [&](int64_t at, int64_t n, const T* scale, const T* z, int64_t stride) {
                    if constexpr (sizeof(Code) == 1) {
                      entries.quantize_int8(in + at, out + at, n, scale, z, stride, low, high);
                    } else {
                      entries.quantize_int16(in + at, out + at, n, scale, z, stride, low, high);
                    }
                  });
}

template <typename T, typename Code>
void dequantize(const at::Tensor& codes, const at::Tensor& values, const AffineGrid& grid) {
  const Code* in = codes.const_data_ptr<Code>();
  T* out = values.mutable_data_ptr<T>();
  const auto& entries = kernels::entries<T>(table());
  for_each_run<T>(codes, grid,
                  [&](int64_t at, int64_t n, const T* scale, const T* z, int64_t stride) {
                    if constexpr (sizeof(Code) == 1) {
                      entries.dequantize_int8(in + at, out + at, n, scale, z, stride);
                    } else {
                      entries.dequantize_int16(in + at, out + at, n, scale, z, stride);
                    }
                  });
}

// One row a tile. Sums run over fixed blocks of kSumBlock elements; their results are added in
// order.
template <typename T>
void backward(const at::Tensor& data, const at::Tensor& gradient, const at::Tensor& data_gradient,
              const AffineGrid& grid, T* scale_gradient, T* offset_gradient) {
  const int64_t rows = data.size(0), columns = data.size(1);
  const int64_t blocks = (columns + kernels::kSumBlock - 1) / kernels::kSumBlock;
  const T *x = data.const_data_ptr<T>(), *g = gradient.const_data_ptr<T>();
  const T *scale = grid.scale.const_data_ptr<T>(), *z = grid.z.const_data_ptr<T>();
  T* dx = data_gradient.mutable_data_ptr<T>();
  const auto low = static_cast<T>(grid.low), high = static_cast<T>(grid.high);
  const auto kernel = kernels::entries<T>(table()).backward;
  std::vector<double> sums(2 * rows * blocks);
  const int64_t tasks_at_once =
      std::max<int64_t>(1, kBlockElements / std::clamp<int64_t>(columns, 1, kernels::kSumBlock));
  parallel_blocks(rows * blocks, tasks_at_once, [&](int64_t begin, int64_t end) {
    for (int64_t task = begin; task < end; ++task) {
      const int64_t row = task / blocks, first = task % blocks * kernels::kSumBlock;
      const int64_t at = row * columns + first, n = std::min(kernels::kSumBlock, columns - first);
      kernel(x + at, g + at, dx + at, n, scale[row], z[row], low, high, &sums[2 * task]);
    }
  });
  for (int64_t row = 0; row < rows; ++row) {
    double scale_sum = 0, offset_sum = 0;
    for (int64_t task = row * blocks; task < (row + 1) * blocks; ++task) {
      scale_sum += sums[2 * task];
      offset_sum += sums[2 * task + 1];
    }
    scale_gradient[row] = static_cast<T>(scale_sum);
    offset_gradient[row] = static_cast<T>(offset_sum);
  }
}

}  // namespace

at::Tensor quantize_cpu(const at::Tensor& data, const AffineGrid& grid) {
  const at::Tensor in = dense(data);
  const at::Tensor out = at::empty_like(in, in.options().dtype(codes_type(grid.num_bits)));
  const bool narrow = grid.num_bits <= 8;
  if (in.scalar_type() == at::kDouble) {
    narrow ? quantize<double, int8_t>(in, out, grid) : quantize<double, int16_t>(in, out, grid);
  } else {
    narrow ? quantize<float, int8_t>(in, out, grid) : quantize<float, int16_t>(in, out, grid);
  }
  return out;
}

at::Tensor dequantize_cpu(const at::Tensor& codes, const AffineGrid& grid) {
  const bool narrow = codes.scalar_type() == at::kChar;
  if (!narrow && codes.scalar_type() != at::kShort)  // from elsewhere: 16 bits may not hold them
    return dequantize_aten(codes, grid);
  const at::Tensor in = dense(codes);
  const at::Tensor out = at::empty_like(in, in.options().dtype(grid.scale.scalar_type()));
  if (grid.scale.scalar_type() == at::kDouble) {
    narrow ? dequantize<double, int8_t>(in, out, grid) : dequantize<double, int16_t>(in, out, grid);
  } else {
    narrow ? dequantize<float, int8_t>(in, out, grid) : dequantize<float, int16_t>(in, out, grid);
  }
  return out;
}

AffineGradients backward_cpu(const at::Tensor& data, const at::Tensor& gradient,
                             const AffineGrid& grid) {
  const at::Tensor x = tiles_to_rows(data, grid.granularity).contiguous();
  const at::Tensor g = tiles_to_rows(gradient, grid.granularity).contiguous();
  const at::Tensor dx = at::empty_like(x);
  const at::Tensor scale_gradient = at::empty_like(grid.scale),
                   offset_gradient = at::empty_like(grid.scale);
  const auto run = [&](auto zero) {
    using T = decltype(zero);
    backward<T>(x, g, dx, grid, scale_gradient.mutable_data_ptr<T>(),
                offset_gradient.mutable_data_ptr<T>());
  };
  x.scalar_type() == at::kDouble ? run(double{}) : run(float{});
  return {rows_to_tiles(dx, data.sizes(), grid.granularity), scale_gradient, offset_gradient};
}

}  // namespace ff
