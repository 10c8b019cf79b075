#include "fastforward/quantization/tile_range.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <limits>
#include <vector>

#include "fastforward/tensor/quantized_tensor.h"
#include "fastforward/tensor/tiles.h"
#include "quantization/affine_grid.h"
#include "quantization/cpu_memory.h"

namespace ff {
namespace {

// Names the first NaN or infinity and where it stands.
[[noreturn]] void refuse_nonfinite(std::string_view where, const at::Tensor& data) {
  const at::Tensor flat = data.reshape({-1});
  const at::Tensor bad = flat.isfinite().logical_not().nonzero();
  const int64_t index = bad[0][0].item<int64_t>();
  TORCH_CHECK_VALUE(false, where, ": the data of shape ", data.sizes(), " has ", bad.size(0),
                    " values that are NaN or "
                    "infinite, the first at flat index ",
                    index, ": ", flat[index].item<double>(),
                    "; a range cannot be taken from them, remove them from the data.");
}

// Minima and maxima on memory, [tiles]; false if some data is NaN or infinite.
template <typename T>
bool extremes(const at::Tensor& memory, const Granularity& granularity, const at::Tensor& min,
              const at::Tensor& max) {
  using P = kernels::Arithmetic<T>;
  const T* data = numbers_of<T>(memory);
  const auto kernel = kernels::entries<T>(kernel_table()).min_max;
  P *min_data = min.mutable_data_ptr<P>(), *max_data = max.mutable_data_ptr<P>();
  // Tiles may lie across blocks of work, so that each thread has its own result.
  const int64_t tiles = min.numel();
  const int64_t blocks = (memory.numel() + kBlockElements - 1) / kBlockElements;
  const int64_t parts = std::clamp<int64_t>(at::get_num_threads(), 1, blocks);
  std::vector<P> mins(parts * tiles, std::numeric_limits<P>::infinity());
  std::vector<P> maxes(parts * tiles, -std::numeric_limits<P>::infinity());
  std::vector<char> finite(parts, 1);
  const Tiling tiling = make_tiling(memory.sizes(), memory.strides(), granularity);
  parallel_blocks(parts, 1, [&](int64_t part, int64_t) {
    const int64_t begin = blocks * part / parts * kBlockElements;
    const int64_t end = std::min(memory.numel(), blocks * (part + 1) / parts * kBlockElements);
    P *part_min = &mins[part * tiles], *part_max = &maxes[part * tiles];
    tiling.for_each_panel(begin, end, [&](const TiledPanel& panel) {
      const bool good = kernel(data + panel.offset, kernel_panel(panel), part_min + panel.parameter,
                               part_max + panel.parameter);
      finite[part] = finite[part] && good;
    });
  });
  for (int64_t tile = 0; tile < tiles; ++tile) {
    P low = mins[tile], high = maxes[tile];
    for (int64_t part = 1; part < parts; ++part) {
      low = std::min(low, mins[part * tiles + tile]);
      high = std::max(high, maxes[part * tiles + tile]);
    }
    min_data[tile] = low + P{0};  // a zero has no sign, whichever came first
    max_data[tile] = high + P{0};
  }
  return std::find(finite.begin(), finite.end(), 0) == finite.end();
}

bool extremes_cpu(const at::Tensor& data, const Granularity& granularity, const at::Tensor& min,
                  const at::Tensor& max) {
  bool finite = false;
  with_number_type(data.scalar_type(), [&](auto number) {
    finite = extremes<decltype(number)>(dense(data), granularity, min, max);
  });
  return finite;
}

// The same in ATen operators, for tensors of any device.
bool extremes_aten(const at::Tensor& data, const Granularity& granularity, at::Tensor& min,
                   at::Tensor& max) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const at::Tensor numbers = data.to(min.scalar_type());
  min = tiles_to_rows(numbers, granularity, kInfinity).amin(1).add(0);
  max = tiles_to_rows(numbers, granularity, -kInfinity).amax(1).add(0);
  return data.is_meta() || (min.isfinite().all().item<bool>() && max.isfinite().all().item<bool>());
}

}  // namespace

QuantizationRange tile_range(const at::Tensor& data_in, const Granularity& granularity,
                             std::string_view where) {
  TORCH_CHECK_TYPE(data_in.defined() && data_in.is_floating_point() && !is_quantized(data_in),
                   where, ": the data must be a plain floating-point tensor.");
  const at::NoGradGuard no_grad;
  const at::Tensor data = data_in.detach();
  const auto options = data.options().dtype(arithmetic_type(data.scalar_type()));
  const int64_t tiles = granularity.parameter_dimensionality(data.sizes());
  if (data.numel() == 0) {
    const at::Tensor zeros = at::zeros({tiles}, options);
    return {zeros, zeros};
  }
  at::Tensor min = at::empty({tiles}, options), max = at::empty({tiles}, options);
  const bool finite = data.is_cpu() ? extremes_cpu(data, granularity, min, max)
                                    : extremes_aten(data, granularity, min, max);
  if (!finite)
    refuse_nonfinite(where, data);
  return {min, max};
}

}  // namespace ff
