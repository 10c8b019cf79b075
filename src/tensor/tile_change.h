#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <string>
#include <vector>

#include "fastforward/tensor/bound_function.h"
#include "fastforward/tensor/granularity.h"

namespace ff {

/// What a structural change makes of a tiling: the new tiles, and how the parameters (in the shape
/// of the grid of tiles) must be moved. If the tiles do not stay tiles, why_not says so.
struct TileChange {
  std::string why_not;  // empty if there is a change
  Granularity granularity;
  std::function<at::Tensor(const at::Tensor& grid)> move_parameters;
};

/// Follows `change` for data tiled by `granularity`.
TileChange change_tiles(const Granularity& granularity, const StructuralChange& change);

}  // namespace ff
