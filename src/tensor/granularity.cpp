#include "fastforward/tensor/granularity.h"

#include <c10/util/Exception.h>

#include <algorithm>
#include <functional>
#include <numeric>
#include <ostream>
#include <sstream>

namespace ff {
namespace {

template <typename... Functions>
struct Overloaded : Functions... {
  using Functions::operator()...;
};

int64_t wrap_axis(int64_t axis, c10::IntArrayRef shape, const Granularity& granularity) {
  const auto ndim = static_cast<int64_t>(shape.size());
  TORCH_CHECK_INDEX(axis >= -ndim && axis < ndim, granularity, ": axis ", axis,
                    " is out of range for data of shape ", shape, "; expected an axis in [", -ndim,
                    ", ", ndim - 1, "]",
                    ndim == 0 ? ". Zero-dimensional data has no axes, use PerTensor()." : ".");
  return axis < 0 ? axis + ndim : axis;
}

std::vector<int64_t> tile_of(const PerChannel& kind, c10::IntArrayRef shape,
                             const Granularity& granularity) {
  std::vector<int64_t> tile = shape.vec();
  std::vector<bool> seen(shape.size());
  for (const int64_t axis : kind.axes) {
    const int64_t at = wrap_axis(axis, shape, granularity);
    TORCH_CHECK_VALUE(!seen[at], granularity, ": axis ", at, " of data of shape ", shape,
                      " is named twice; name each axis once.");
    seen[at] = true;
    tile[at] = 1;
  }
  return tile;
}

std::vector<int64_t> tile_of(const PerBlock& kind, c10::IntArrayRef shape,
                             const Granularity& granularity) {
  std::vector<int64_t> axes = kind.channel_axes;
  axes.insert(axes.end(), kind.block_axes.begin(), kind.block_axes.end());
  std::vector<int64_t> tile = tile_of(PerChannel(axes), shape, granularity);
  for (size_t i = 0; i < kind.block_axes.size(); ++i) {
    const int64_t axis = wrap_axis(kind.block_axes[i], shape, granularity);
    const int64_t block = kind.block_sizes[i];
    TORCH_CHECK_VALUE(!kind.strict_blocks || shape[axis] % block == 0, granularity, ": a block of ",
                      block, " does not divide axis ", axis, " of data of shape ", shape,
                      "; choose a divisor of ", shape[axis],
                      ", or set strict_blocks = false for a shorter last block.");
    tile[axis] = kind.strict_blocks ? block : std::max<int64_t>(1, std::min(block, shape[axis]));
  }
  return tile;
}

std::vector<int64_t> tile_of(const PerTile& kind, c10::IntArrayRef shape,
                             const Granularity& granularity) {
  TORCH_CHECK_VALUE(kind.tile.size() == shape.size(), granularity, ": the tile has ",
                    kind.tile.size(), " axes, but the data has shape ", shape, " with ",
                    shape.size(), "; give one size for each axis.");
  for (size_t axis = 0; axis < shape.size(); ++axis) {
    TORCH_CHECK_VALUE(shape[axis] % kind.tile[axis] == 0, granularity, ": the tile's size ",
                      kind.tile[axis], " does not divide axis ", axis, " of data of shape ", shape,
                      "; choose a divisor of ", shape[axis],
                      ", or use PerBlock with strict_blocks = false.");
  }
  return kind.tile;
}

void check_positive(const char* what, const std::vector<int64_t>& sizes) {
  for (const int64_t size : sizes) {
    TORCH_CHECK_VALUE(size > 0, what, " got the size ", size, " in ", c10::IntArrayRef(sizes),
                      "; expected sizes of at least 1.");
  }
}

std::ostream& write_list(std::ostream& stream, const std::vector<int64_t>& values) {
  if (values.size() == 1)
    return stream << values[0];
  stream << "{";
  for (size_t i = 0; i < values.size(); ++i)
    stream << (i ? ", " : "") << values[i];
  return stream << "}";
}

}  // namespace

PerBlock::PerBlock(std::vector<int64_t> axes, std::vector<int64_t> sizes,
                   std::vector<int64_t> channels, bool strict)
    : block_axes(std::move(axes)),
      block_sizes(std::move(sizes)),
      channel_axes(std::move(channels)),
      strict_blocks(strict) {
  TORCH_CHECK_VALUE(block_axes.size() == block_sizes.size(), "PerBlock got ", block_axes.size(),
                    " block_axes and ", block_sizes.size(),
                    " block_sizes; give one size for each axis.");
  check_positive("PerBlock", block_sizes);
  for (const int64_t axis : channel_axes) {
    TORCH_CHECK_VALUE(std::find(block_axes.begin(), block_axes.end(), axis) == block_axes.end(),
                      "PerBlock got axis ", axis,
                      " in block_axes and in channel_axes; name it in one of them.");
  }
}

PerTile::PerTile(std::vector<int64_t> sizes) : tile(std::move(sizes)) {
  check_positive("PerTile", tile);
}

std::vector<int64_t> Granularity::tile_size(c10::IntArrayRef shape) const {
  return std::visit(Overloaded{[&](const PerTensor&) { return shape.vec(); },
                               [&](const auto& kind) { return tile_of(kind, shape, *this); }},
                    kind_);
}

std::vector<int64_t> Granularity::grid_size(c10::IntArrayRef shape) const {
  std::vector<int64_t> grid(shape.size(), 1);
  if (is_per_tensor())
    return grid;
  const std::vector<int64_t> tile = tile_size(shape);
  for (size_t axis = 0; axis < grid.size(); ++axis) {
    // An empty axis that is not cut has one tile of size 0, as it has in the other axes' view.
    if (tile[axis] > 0)
      grid[axis] = (shape[axis] + tile[axis] - 1) / tile[axis];
  }
  return grid;
}

int64_t Granularity::parameter_dimensionality(c10::IntArrayRef shape) const {
  if (is_per_tensor())
    return 1;
  const std::vector<int64_t> grid = grid_size(shape);
  return std::accumulate(grid.begin(), grid.end(), int64_t{1}, std::multiplies<>());
}

Granularity granularity_from_sizes(c10::IntArrayRef shape, c10::IntArrayRef tile) {
  std::vector<int64_t> channel_axes, block_axes, block_sizes;
  bool divides = true;
  for (size_t i = 0; i < shape.size(); ++i) {
    const auto axis = static_cast<int64_t>(i);
    if (tile[i] == shape[i])
      continue;
    if (tile[i] == 1) {
      channel_axes.push_back(axis);
    } else {
      block_axes.push_back(axis);
      block_sizes.push_back(tile[i]);
      divides = divides && shape[i] % tile[i] == 0;
    }
  }
  if (!block_axes.empty()) {
    return PerBlock(std::move(block_axes), std::move(block_sizes), std::move(channel_axes),
                    divides);
  }
  if (!channel_axes.empty())
    return PerChannel(std::move(channel_axes));
  return PerTensor();
}

std::ostream& operator<<(std::ostream& stream, const Granularity& granularity) {
  std::visit(Overloaded{[&](const PerTensor&) { stream << "PerTensor()"; },
                        [&](const PerChannel& kind) {
                          write_list(stream << "PerChannel(", kind.axes) << ")";
                        },
                        [&](const PerBlock& kind) {
                          write_list(stream << "PerBlock(", kind.block_axes);
                          write_list(stream << ", ", kind.block_sizes);
                          const bool loose = !kind.strict_blocks;
                          if (!kind.channel_axes.empty() || loose) {
                            write_list(stream << ", ", kind.channel_axes);
                          }
                          stream << (loose ? ", false)" : ")");
                        },
                        [&](const PerTile& kind) {
                          stream << "PerTile({";
                          for (size_t i = 0; i < kind.tile.size(); ++i) {
                            stream << (i ? ", " : "") << kind.tile[i];
                          }
                          stream << "})";
                        }},
             granularity.kind());
  return stream;
}

std::string to_string(const Granularity& granularity) {
  std::ostringstream stream;
  stream << granularity;
  return stream.str();
}

}  // namespace ff
