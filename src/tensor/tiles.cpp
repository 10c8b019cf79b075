#include "fastforward/tensor/tiles.h"

#include <ATen/ops/constant_pad_nd.h>
#include <c10/util/Exception.h>

#include <functional>
#include <numeric>

namespace ff {
namespace {

int64_t product(c10::IntArrayRef sizes) {
  return std::accumulate(sizes.begin(), sizes.end(), int64_t{1}, std::multiplies<>());
}

std::vector<int64_t> interleave(c10::IntArrayRef first, c10::IntArrayRef second) {
  std::vector<int64_t> both;
  for (size_t i = 0; i < first.size(); ++i) {
    both.push_back(first[i]);
    both.push_back(second[i]);
  }
  return both;
}

// [grid axes..., tile axes...] of a tensor with axes grid0, tile0, grid1, tile1, ...
std::vector<int64_t> grid_axes_first(int64_t ndim) {
  std::vector<int64_t> order;
  for (int64_t i = 0; i < ndim; ++i)
    order.push_back(2 * i);
  for (int64_t i = 0; i < ndim; ++i)
    order.push_back(2 * i + 1);
  return order;
}

std::vector<int64_t> padded_shape(c10::IntArrayRef grid, c10::IntArrayRef tile) {
  std::vector<int64_t> shape(grid.size());
  for (size_t i = 0; i < shape.size(); ++i)
    shape[i] = grid[i] * tile[i];
  return shape;
}

at::Tensor pad_to(const at::Tensor& data, c10::IntArrayRef shape, double padding) {
  if (data.sizes() == shape)
    return data;
  // LibTorch 2.7 pads no tensor that has another axis without elements.
  if (data.numel() == 0)
    return data.reshape(shape);
  std::vector<int64_t> amounts;
  for (int64_t axis = data.dim() - 1; axis >= 0; --axis) {
    amounts.push_back(0);
    amounts.push_back(shape[axis] - data.size(axis));
  }
  return at::constant_pad_nd(data, amounts, padding);
}

}  // namespace

at::Tensor tiles_to_rows(const at::Tensor& data, const Granularity& granularity, double padding) {
  if (granularity.is_per_tensor())
    return data.reshape({1, data.numel()});
  const std::vector<int64_t> tile = granularity.tile_size(data.sizes());
  const std::vector<int64_t> grid = granularity.grid_size(data.sizes());
  return pad_to(data, padded_shape(grid, tile), padding)
      .reshape(interleave(grid, tile))
      .permute(grid_axes_first(data.dim()))
      .reshape({product(grid), product(tile)});
}

at::Tensor rows_to_tiles(const at::Tensor& rows, c10::IntArrayRef shape,
                         const Granularity& granularity) {
  const std::vector<int64_t> tile = granularity.tile_size(shape);
  const std::vector<int64_t> grid = granularity.grid_size(shape);
  TORCH_CHECK_VALUE(
      rows.dim() == 2 && rows.size(0) == product(grid) && rows.size(1) == product(tile),
      "rows_to_tiles: rows have shape ", rows.sizes(), ", but ", granularity, " on data of shape ",
      shape, " needs [", product(grid), ", ", product(tile), "].");
  if (granularity.is_per_tensor())
    return rows.reshape(shape);
  const auto ndim = static_cast<int64_t>(shape.size());
  std::vector<int64_t> back(2 * ndim);
  const std::vector<int64_t> order = grid_axes_first(ndim);
  for (int64_t i = 0; i < 2 * ndim; ++i)
    back[order[i]] = i;
  std::vector<int64_t> split = grid;
  split.insert(split.end(), tile.begin(), tile.end());
  at::Tensor data = rows.reshape(split).permute(back).reshape(padded_shape(grid, tile));
  for (int64_t axis = 0; axis < ndim; ++axis)
    data = data.narrow(axis, 0, shape[axis]);
  return data;
}

at::Tensor expand_parameter(const at::Tensor& parameter, c10::IntArrayRef shape,
                            const Granularity& granularity) {
  const std::vector<int64_t> tile = granularity.tile_size(shape);
  const std::vector<int64_t> grid = granularity.grid_size(shape);
  TORCH_CHECK_VALUE(parameter.numel() == product(grid),
                    "expand_parameter: the parameter has shape ", parameter.sizes(), ", but ",
                    granularity, " on data of shape ", shape, " needs [", product(grid), "].");
  at::Tensor expanded = parameter.reshape(grid);
  for (int64_t axis = 0; axis < static_cast<int64_t>(shape.size()); ++axis) {
    if (grid[axis] == 1 || tile[axis] == 1)
      continue;
    expanded = expanded.repeat_interleave(tile[axis], axis).narrow(axis, 0, shape[axis]);
  }
  return expanded;
}

}  // namespace ff
