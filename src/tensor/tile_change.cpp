#include "tensor/tile_change.h"

#include <algorithm>
#include <optional>
#include <sstream>

namespace ff {
namespace {

using Sizes = std::vector<int64_t>;

struct Tiles {
  Sizes sizes, tile, grid;
};

template <typename... Parts>
TileChange refuse(const Parts&... parts) {
  std::ostringstream text;
  (text << ... << parts);
  return {text.str(), {}, {}};
}

at::Tensor same(const at::Tensor& grid) {
  return grid;
}

TileChange follow(const Tiles& old, const StructuralChange& change,
                  const StructuralChange::Permute& permute) {
  Sizes tile;
  for (const int64_t axis : permute.axes)
    tile.push_back(old.tile[axis]);
  return {"", granularity_from_sizes(change.new_sizes, tile),
          [axes = permute.axes](const at::Tensor& grid) { return grid.permute(axes); }};
}

TileChange follow(const Tiles& old, const StructuralChange& change,
                  const StructuralChange::Slice& slice) {
  const int64_t axis = slice.axis, block = old.tile[axis];
  Sizes tile = old.tile;
  int64_t first = 0, count = 1, step = 1;
  tile[axis] = slice.length;
  if (old.grid[axis] != 1) {
    // The last block of a loose granularity may be shorter.
    const bool ends_with_tile =
        slice.length % block == 0 || slice.start + slice.length == old.sizes[axis];
    const bool whole_tiles =
        slice.length == 0 || (slice.step == 1 && slice.start % block == 0 && ends_with_tile);
    const bool in_one_tile =
        slice.length > 0 &&
        slice.start / block == (slice.start + (slice.length - 1) * slice.step) / block;
    if (block == 1) {
      first = slice.start, count = slice.length, step = slice.step, tile[axis] = 1;
    } else if (in_one_tile) {
      first = slice.start / block;
    } else if (whole_tiles) {
      first = slice.start / block, count = (slice.length + block - 1) / block;
      tile[axis] = block;
    } else {
      return refuse("the ", slice.length, " indices from ", slice.start, " of axis ", axis,
                    " cut tiles of size ", block);
    }
  }
  if (slice.drop)
    tile.erase(tile.begin() + axis);
  return {"", granularity_from_sizes(change.new_sizes, tile), [=](const at::Tensor& grid) {
            const int64_t end = count == 0 ? first : first + (count - 1) * step + 1;
            return grid.slice(axis, first, end, step);
          }};
}

TileChange follow(const Tiles& old, const StructuralChange& change,
                  const StructuralChange::IndexSelect& select) {
  Sizes tile = old.tile;
  if (old.grid[select.axis] == 1) {
    tile[select.axis] = change.new_sizes[select.axis];
    return {"", granularity_from_sizes(change.new_sizes, tile), same};
  }
  if (old.tile[select.axis] != 1) {
    return refuse("an index_select along axis ", select.axis, " takes tiles of size ",
                  old.tile[select.axis], " apart");
  }
  return {"", granularity_from_sizes(change.new_sizes, tile), [select](const at::Tensor& grid) {
            return grid.index_select(select.axis, select.index);
          }};
}

TileChange follow(const Tiles& old, const StructuralChange& change,
                  const StructuralChange::Expand&) {
  const size_t new_axes = change.new_sizes.size() - old.sizes.size();
  Sizes tile(change.new_sizes.begin(), change.new_sizes.begin() + new_axes);
  for (size_t axis = 0; axis < old.sizes.size(); ++axis) {
    tile.push_back(old.grid[axis] == 1 ? change.new_sizes[new_axes + axis] : old.tile[axis]);
  }
  return {"", granularity_from_sizes(change.new_sizes, tile), same};
}

TileChange follow(const Tiles& old, const StructuralChange& change,
                  const StructuralChange::Resize& resize) {
  Sizes tile = old.tile;
  for (const int64_t axis : resize.axes) {
    if (old.grid[axis] != 1)
      return refuse("the parameters vary along axis ", axis, ", whose size changes");
    tile[axis] = change.new_sizes[axis];
  }
  return {"", granularity_from_sizes(change.new_sizes, tile), same};
}

// Axes [begin, end) seen as one axis: its block length, or 0 if its tiles are no runs of equal
// length. The last run may be shorter.
int64_t flat_block(const Tiles& tiles, size_t begin, size_t end) {
  int64_t block = 1;
  bool cut = false;    // an axis further in is cut into tiles: all axes further out must have tiles
                       // of size 1
  bool loose = false;  // its last tile is shorter: there must be no axes further out
  for (size_t axis = end; axis-- > begin;) {
    const int64_t size = tiles.sizes[axis], tile = tiles.tile[axis];
    if (size == 1)
      continue;
    if (loose || (cut && tile != 1))
      return 0;
    if (!cut)
      block *= tile;
    cut = cut || tile != size;
    loose = size % tile != 0;
  }
  return block;
}

// Writes the tiles of axes [begin, end) of the new shape so that, seen as one axis, their block is
// `block`.
bool split_block(const Sizes& sizes, size_t begin, size_t end, int64_t block, Sizes& tile) {
  bool loose = false;
  for (size_t axis = end; axis-- > begin;) {
    const int64_t here = std::min(block, sizes[axis]);
    if (here == 0 || block % here != 0 || (loose && sizes[axis] != 1))
      return false;
    tile[axis] = here;
    block /= here;
    // A cut axis: everything further out must have tiles of size 1.
    if (here != sizes[axis] && block != 1)
      return false;
    loose = loose || sizes[axis] % here != 0;
  }
  return block == 1;
}

// The tiles where only axes of size 1 come and go: every other axis keeps its own.
std::optional<Sizes> keep_axes(const Tiles& old, const Sizes& new_sizes) {
  Sizes tile;
  size_t from = 0;
  const auto skip_ones = [&] {
    while (from < old.sizes.size() && old.sizes[from] == 1)
      ++from;
  };
  for (const int64_t size : new_sizes) {
    if (size == 1) {
      tile.push_back(1);
      continue;
    }
    skip_ones();
    if (from == old.sizes.size() || old.sizes[from] != size)
      return std::nullopt;
    tile.push_back(old.tile[from++]);
  }
  skip_ones();
  return from == old.sizes.size() ? std::optional(tile) : std::nullopt;
}

TileChange follow(const Tiles& old, const StructuralChange& change,
                  const StructuralChange::Reshape&) {
  const Sizes& new_sizes = change.new_sizes;
  if (const auto kept = keep_axes(old, new_sizes))
    return {"", granularity_from_sizes(new_sizes, *kept), same};
  const bool empty = std::find(new_sizes.begin(), new_sizes.end(), 0) != new_sizes.end();
  if (empty)
    return refuse("an empty tensor of several tiles has another shape then");
  Sizes tile(new_sizes.size());
  size_t from = 0, to = 0;
  // Groups of neighbouring axes with equal products; inside a group, the tiles must be runs of the
  // flat axis.
  while (from < old.sizes.size() || to < new_sizes.size()) {
    const size_t first_from = from, first_to = to;
    int64_t before = 1, after = 1;
    do {
      const bool take_old = from < old.sizes.size() && (before <= after || to == new_sizes.size());
      if (take_old) {
        before *= old.sizes[from++];
      } else {
        after *= new_sizes[to++];
      }
    } while (before != after || (from == first_from && to == first_to));
    const int64_t block = flat_block(old, first_from, from);
    if (block == 0 || !split_block(new_sizes, first_to, to, block, tile)) {
      return refuse("tiles of shape ", c10::IntArrayRef(old.tile), " on ",
                    c10::IntArrayRef(old.sizes), " are no tiles on ", c10::IntArrayRef(new_sizes));
    }
  }
  return {"", granularity_from_sizes(new_sizes, tile), same};
}

}  // namespace

TileChange change_tiles(const Granularity& granularity, const StructuralChange& change) {
  if (granularity.is_per_tensor())
    return {"", granularity, same};
  const Tiles old = {change.sizes, granularity.tile_size(change.sizes),
                     granularity.grid_size(change.sizes)};
  // One tile stays one, whatever its shape. Zero-dimensional data has no axes to look at.
  if (std::all_of(old.grid.begin(), old.grid.end(), [](int64_t count) { return count == 1; }))
    return {"", PerTensor(), same};
  return std::visit([&](const auto& kind) { return follow(old, change, kind); }, change.kind);
}

}  // namespace ff
