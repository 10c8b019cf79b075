#pragma once

#include <c10/util/ArrayRef.h>

#include <cstdint>
#include <iosfwd>
#include <string>
#include <variant>
#include <vector>

#include "fastforward/core/api.h"

namespace ff {

/// One scale and one offset for the whole tensor. Fits any shape, also [] and empty ones.
struct FF_API PerTensor {
  /// All per-tensor granularities are equal.
  bool operator==(const PerTensor&) const = default;
};

/// One scale and one offset for each index along `axes`.
///
/// PerChannel(0) on a weight of shape [K, C, H, W] gives K parameters, PerChannel({0, 1}) gives K *
/// C. Negative axes count from the end.
struct FF_API PerChannel {
  /// One channel axis, 0 by default as in FastForward.
  PerChannel(int64_t axis = 0) : axes{axis} {}
  /// Several channel axes. Their parameters are in row-major order of the shape, whatever the order
  /// of `axes`.
  PerChannel(std::initializer_list<int64_t> axes) : axes(axes) {}
  /// Several channel axes.
  explicit PerChannel(std::vector<int64_t> axes) : axes(std::move(axes)) {}
  /// Equal when the axes are the same, written the same way.
  bool operator==(const PerChannel&) const = default;

  /// The channel axes, as given.
  std::vector<int64_t> axes;
};

/// One scale and one offset for each block of `block_sizes` elements along `block_axes`, per
/// channel along `channel_axes`, and for the whole extent of all other axes.
///
/// PerBlock(1, 32, {0}) on a weight of shape [K, C] gives K * C / 32 parameters. A block that does
/// not divide its axis is an error if `strict_blocks`, else the last block is shorter.
struct FF_API PerBlock {
  /// Blocks of `block_size` along one axis, and at most one channel axis.
  PerBlock(int64_t block_axis, int64_t block_size, std::vector<int64_t> channel_axes = {},
           bool strict_blocks = true)
      : PerBlock(std::vector<int64_t>{block_axis}, std::vector<int64_t>{block_size},
                 std::move(channel_axes), strict_blocks) {}
  /// Blocks along several axes. Throws c10::ValueError if the lists differ in length, a size is not
  /// positive, or an axis is in both lists of axes.
  PerBlock(std::vector<int64_t> block_axes, std::vector<int64_t> block_sizes,
           std::vector<int64_t> channel_axes = {}, bool strict_blocks = true);
  /// Equal when all members are equal.
  bool operator==(const PerBlock&) const = default;

  /// The axes that are cut into blocks.
  std::vector<int64_t> block_axes;
  /// The size of a block along each of `block_axes`, in elements.
  std::vector<int64_t> block_sizes;
  /// The axes with parameters for each index.
  std::vector<int64_t> channel_axes;
  /// Whether a block must divide its axis.
  bool strict_blocks;
};

/// One scale and one offset for each tile of shape `tile`, which must divide the data's shape axis
/// by axis.
struct FF_API PerTile {
  /// A tile with one size for each axis of the data. Throws c10::ValueError if a size is not
  /// positive.
  explicit PerTile(std::vector<int64_t> tile);
  /// Equal when the tiles are equal.
  bool operator==(const PerTile&) const = default;

  /// The shape of a tile.
  std::vector<int64_t> tile;
};

/// Which elements of a tensor share quantization parameters: a tile is the set of elements with one
/// scale.
///
/// The parameters of a tensor are in row-major order of the grid of its tiles. Source:
/// FastForward's granularities.
class FF_API Granularity {
 public:
  /// Per tensor.
  Granularity() = default;
  /// Per tensor.
  Granularity(PerTensor kind) : kind_(kind) {}
  /// Per channel.
  Granularity(PerChannel kind) : kind_(std::move(kind)) {}
  /// Per block.
  Granularity(PerBlock kind) : kind_(std::move(kind)) {}
  /// Per tile.
  Granularity(PerTile kind) : kind_(std::move(kind)) {}

  /// Returns the shape of one tile for data of shape `shape`.
  ///
  /// Throws c10::IndexError if an axis is out of range, c10::ValueError if an axis is named twice,
  /// or a tile or a strict block does not divide the shape.
  std::vector<int64_t> tile_size(c10::IntArrayRef shape) const;

  /// Returns the number of tiles along each axis of data of shape `shape`. Errors as tile_size.
  std::vector<int64_t> grid_size(c10::IntArrayRef shape) const;

  /// Returns the number of tiles, which is the number of scales that data of shape `shape` needs.
  /// Errors as tile_size.
  int64_t parameter_dimensionality(c10::IntArrayRef shape) const;

  /// True for PerTensor.
  bool is_per_tensor() const {
    return std::holds_alternative<PerTensor>(kind_);
  }
  /// True for PerChannel.
  bool is_per_channel() const {
    return std::holds_alternative<PerChannel>(kind_);
  }
  /// True for PerBlock.
  bool is_per_block() const {
    return std::holds_alternative<PerBlock>(kind_);
  }
  /// True for PerTile.
  bool is_per_tile() const {
    return std::holds_alternative<PerTile>(kind_);
  }

  /// Returns the kind, for std::visit.
  const std::variant<PerTensor, PerChannel, PerBlock, PerTile>& kind() const {
    return kind_;
  }

  /// Equal when kind and members are equal. Two that tile some shape alike can still differ.
  bool operator==(const Granularity&) const = default;

 private:
  std::variant<PerTensor, PerChannel, PerBlock, PerTile> kind_;
};

/// Returns the simplest granularity with `tile` as its tile size on data of shape `shape`.
///
/// `tile` need not divide `shape`: then the answer is a PerBlock with strict_blocks = false.
FF_API Granularity granularity_from_sizes(c10::IntArrayRef shape, c10::IntArrayRef tile);

/// Writes it as it would be constructed, like "PerChannel(0)".
FF_API std::ostream& operator<<(std::ostream& stream, const Granularity& granularity);

/// Returns what operator<< writes.
FF_API std::string to_string(const Granularity& granularity);

}  // namespace ff
