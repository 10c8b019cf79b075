#pragma once

#include <ATen/core/Tensor.h>

#include "fastforward/core/api.h"
#include "fastforward/tensor/granularity.h"

namespace ff {

/// Returns data as a matrix [tiles, elements of a tile], one tile a row, tiles and elements in
/// row-major order.
///
/// A view where the strides allow it. Tiles at the end of a loose PerBlock are filled up with
/// `padding`. Empty data gives [tiles, 0]. Source: FastForward's tiles_to_rows. Errors as
/// Granularity::tile_size.
FF_API at::Tensor tiles_to_rows(const at::Tensor& data, const Granularity& granularity,
                                double padding = 0.0);

/// Undoes tiles_to_rows: returns a tensor of shape `shape` whose tiles are the rows of `rows`,
/// without the padding.
///
/// Throws c10::ValueError if `rows` has not the shape that tiles_to_rows gives.
FF_API at::Tensor rows_to_tiles(const at::Tensor& rows, c10::IntArrayRef shape,
                                const Granularity& granularity);

/// Repeats one parameter a tile, of any shape with that many elements, over the elements of its
/// tile.
///
/// The result can be broadcast with data of shape `shape`: axes without tiles have size 1.
/// Differentiable. Throws c10::ValueError if the number of parameters is not
/// granularity.parameter_dimensionality(shape).
FF_API at::Tensor expand_parameter(const at::Tensor& parameter, c10::IntArrayRef shape,
                                   const Granularity& granularity);

}  // namespace ff
