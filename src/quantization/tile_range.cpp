#include "quantization/tile_range.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/aminmax.h>
#include <ATen/ops/zeros.h>
#include <c10/util/Exception.h>

#include <limits>

#include "fastforward/tensor/tiles.h"
#include "quantization/affine_grid.h"

namespace ff {
namespace {

// Names the first NaN or infinity and where it stands.
[[noreturn]] void refuse_nonfinite(const std::string& where, const at::Tensor& data) {
  const at::Tensor flat = data.reshape({-1});
  const at::Tensor bad = flat.isfinite().logical_not().nonzero();
  const int64_t index = bad[0][0].item<int64_t>();
  TORCH_CHECK_VALUE(false, where, ": the data of shape ", data.sizes(), " has ", bad.size(0),
                    " values that are NaN or "
                    "infinite, the first at flat index ",
                    index, ": ", flat[index].item<double>(),
                    "; a range cannot be taken from them, remove them from the data.");
}

}  // namespace

QuantizationRange tile_range(const std::string& where, const at::Tensor& data_in,
                             const Granularity& granularity) {
  const at::NoGradGuard no_grad;
  const at::Tensor data = data_in.detach().to(arithmetic_type(data_in.scalar_type()));
  const int64_t tiles = granularity.parameter_dimensionality(data.sizes());
  if (data.numel() == 0) {
    const at::Tensor zeros = at::zeros({tiles}, data.options());
    return {zeros, zeros};
  }
  at::Tensor min, max;
  if (granularity.is_per_tensor()) {
    std::tie(min, max) = at::aminmax(data);
    min = min.reshape({1}), max = max.reshape({1});
  } else {
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    const at::Tensor rows = tiles_to_rows(data, granularity);
    std::tie(min, max) = at::aminmax(rows, /*dim=*/1);
    if (rows.numel() != data.numel()) {  // the padding of loose blocks must not count
      min = tiles_to_rows(data, granularity, kInfinity).amin(1);
      max = tiles_to_rows(data, granularity, -kInfinity).amax(1);
    }
  }
  if (!data.is_meta() &&
      !(min.isfinite().all().item<bool>() && max.isfinite().all().item<bool>())) {
    refuse_nonfinite(where, data);
  }
  return {min, max};
}

}  // namespace ff
