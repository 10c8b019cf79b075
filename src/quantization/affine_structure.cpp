#include "fastforward/quantization/affine.h"
#include "tensor/tile_change.h"

namespace ff {

BoundQuantizationFunction::Restructured AffineQuantizationFunction::restructure(
    const BoundQuantizationFunction& self,
    const detail::ArgumentTuple<AffineQuantizationFunction>& arguments,
    const StructuralChange& change) {
  const auto& [scale, offset, granularity, num_bits, codes_dtype] = arguments;
  if (granularity.is_per_tensor())
    return {self, ""};
  const TileChange tiles = change_tiles(granularity, change);
  if (!tiles.why_not.empty())
    return {std::nullopt, tiles.why_not};
  const std::vector<int64_t> grid = granularity.grid_size(change.sizes);
  const auto moved = [&](const at::Tensor& parameter) {
    return tiles.move_parameters(parameter.reshape(grid)).reshape({-1});
  };
  return {AffineQuantizationFunction::bind(moved(scale),
                                           offset ? std::optional(moved(*offset)) : std::nullopt,
                                           tiles.granularity, num_bits, codes_dtype),
          ""};
}

}  // namespace ff
