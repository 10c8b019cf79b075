#pragma once

#include <rapidcheck/gtest.h>
#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "fastforward/tensor/granularity.h"
#include "support/naive.h"
#include "support/tensors.h"

/// Random inputs for property tests. RapidCheck prints the seed of a failure; run it again with
/// RC_PARAMS="seed=...".
namespace ff::test {

/// A number in [from, to], all equally likely from the first case on.
inline int64_t pick(int64_t from, int64_t to) {
  return *rc::gen::resize(rc::kNominalSize, rc::gen::inRange<int64_t>(from, to + 1));
}

/// A seed for random_data.
inline uint64_t pick_seed() {
  return static_cast<uint64_t>(pick(0, 1 << 30));
}

/// A shape with `from` to `to` axes of 1 to 6 elements, now and then an empty one.
inline std::vector<int64_t> pick_shape(int64_t from, int64_t to) {
  std::vector<int64_t> shape(pick(from, to));
  for (int64_t& size : shape)
    size = pick(0, 30) == 0 ? 0 : pick(1, 6);
  return shape;
}

/// A granularity and, found without it, the tiles that it makes of a shape.
struct Tiled {
  Granularity granularity;
  NaiveTiles tiles;
};

/// Any granularity that fits `shape`.
inline Tiled pick_tiled(const std::vector<int64_t>& shape) {
  enum { kTensor, kChannel, kBlock, kLooseBlock, kTile, kKinds };
  enum { kWhole, kSingle, kCut };
  const int64_t kind = pick(0, kKinds - 1);
  std::vector<int64_t> tile = shape, channels, blocks, block_sizes;
  for (size_t i = 0; i < shape.size() && kind != kTensor; ++i) {
    const auto axis = static_cast<int64_t>(i);
    const int64_t named = pick(0, 1) == 0 ? axis : axis - static_cast<int64_t>(shape.size());
    const int64_t how = pick(kWhole, kind == kChannel ? kSingle : kCut);
    int64_t size = how == kWhole ? shape[i] : how == kSingle ? 1 : pick(1, 6);
    if (how == kCut && kind != kLooseBlock && shape[i] % size != 0)
      size = 1;
    if (kind == kTile)
      size = std::max<int64_t>(size, 1);
    if (how == kSingle)
      channels.push_back(named);
    if (how == kCut) {
      blocks.push_back(named);
      block_sizes.push_back(size);
    }
    const bool cut_loosely = how == kCut && kind == kLooseBlock;
    tile[i] = cut_loosely ? std::max<int64_t>(1, std::min(size, shape[i])) : size;
  }
  switch (kind) {
    case kTensor:
      return {PerTensor(), {shape, shape}};
    case kChannel:
      return {PerChannel(channels), {shape, tile}};
    case kTile:
      return {PerTile(tile), {shape, tile}};
    default:
      return {PerBlock(blocks, block_sizes, channels, kind == kBlock), {shape, tile}};
  }
}

/// The same elements in memory that lies otherwise: permuted, in part of a larger tensor, every
/// second one, expanded, channels last.
inline torch::Tensor pick_strided(const torch::Tensor& data) {
  const int64_t kind = pick(0, 4), dim = data.dim();
  if (dim == 0)
    return data;
  std::vector<int64_t> order(dim);
  for (int64_t i = 0; i < dim; ++i)
    order[i] = i;
  const int64_t axis = pick(0, dim - 1);
  if (kind == 0) {  // the order of axes in memory
    for (int64_t i = dim - 1; i > 0; --i)
      std::swap(order[i], order[pick(0, i)]);
    std::vector<int64_t> back(dim);
    for (int64_t i = 0; i < dim; ++i)
      back[order[i]] = i;
    return data.permute(order).contiguous().permute(back);
  }
  std::vector<int64_t> larger = data.sizes().vec();
  if (kind == 1 || kind == 2) {  // a slice with or without steps
    larger[axis] = larger[axis] * kind + 3;
    torch::Tensor room = torch::full(larger, std::nan(""), data.options());
    const int64_t start = pick(0, 2);
    torch::Tensor part = room.slice(axis, start, start + data.size(axis) * kind, kind);
    part = part.narrow(axis, 0, data.size(axis));
    part.copy_(data);
    return part;
  }
  if (kind == 3 && data.size(axis) > 0)  // equal elements along an axis, in one place
    return data.narrow(axis, 0, 1).expand(data.sizes());
  if (kind == 4 && dim == 4)
    return data.contiguous(torch::MemoryFormat::ChannelsLast);
  return data;
}

/// Everything that affine quantization takes.
struct AffineInput {
  Tiled tiled;
  int64_t num_bits;
  torch::Tensor data, scale;
  std::optional<torch::Tensor> offset;
};

/// Any input on a shape with `from` to `to` axes; most data is inside the grid.
inline AffineInput pick_affine(torch::ScalarType type, int64_t from = 0, int64_t to = 4) {
  AffineInput input{pick_tiled(pick_shape(from, to)), pick(1, 16), {}, {}, std::nullopt};
  const uint64_t seed = pick_seed();
  const int64_t tiles = input.tiled.tiles.count();
  const double spread = std::exp2(static_cast<double>(pick(-20, 20)));
  input.scale = (random_data({tiles}, seed, type).abs() + 0.1) * spread;
  input.data = random_data(input.tiled.tiles.shape, seed + 1, type) * spread *
               std::exp2(static_cast<double>(input.num_bits - 2));
  if (pick(0, 1) == 1)
    input.offset = random_data({tiles}, seed + 2, type) * static_cast<double>(pick(1, 200));
  return input;
}

/// What an input is, for a failure's text.
inline std::string describe(const AffineInput& input) {
  return c10::str(input.tiled.granularity, " on ", at::IntArrayRef(input.tiled.tiles.shape), ", ",
                  input.num_bits, " bits, strides ", input.data.strides(),
                  input.offset ? ", with offset" : "");
}

}  // namespace ff::test

/// Fails the property, with the difference, unless two tensors are equal.
#define RC_SAME(got, expected)                                                         \
  do {                                                                                 \
    const auto rc_same_result = ::ff::test::same(got, expected);                       \
    if (!rc_same_result)                                                               \
      RC_FAIL(std::string(#got " is not " #expected ": ") + rc_same_result.message()); \
  } while (false)
