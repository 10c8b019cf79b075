#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "integer/epilogue.h"

namespace ff::integer {

/// The weight of a linear layer or convolution as the kernels read it.
struct PackedWeight {
  /// Convolutions: channels are independent in groups; each group is packed by itself. One where
  /// the convolution is depthwise.
  int64_t groups;
  /// True if each channel has only itself as input, and the depthwise kernel takes the window.
  bool is_depthwise;
  /// Output channels of a group.
  int64_t channels;
  /// Places of the window, 1 for a linear layer.
  int64_t taps;
  /// Where the convolution is depthwise: the columns of the window, whose taps are packed column by
  /// column. One if all taps are packed as one column.
  int64_t columns;
  /// Input channels of a group; one where the convolution is depthwise.
  int64_t depth;
  /// int8, group_bytes() for each group.
  at::Tensor codes;
  /// For each output channel of a group, filled up with zeros to panels of channels.
  std::vector<int32_t> sums;
  /// The largest sum of absolute values of the codes for one output channel.
  int64_t largest;
  /// The last factors of results.
  mutable EpilogueCache epilogues;

  /// Elements of `sums` and the like for a group.
  int64_t panel_channels() const;
  /// Bytes of the codes of a group.
  int64_t group_bytes() const;
  /// The codes of a group.
  const int8_t* group(int64_t index) const;
};

/// Packs a weight whose codes are [groups * channels, depth, window...].
std::shared_ptr<const PackedWeight> pack_weight(const at::Tensor& codes, int64_t groups);

/// The codes of a packed weight of these sizes.
at::Tensor unpack_weight(const PackedWeight& packed, c10::IntArrayRef sizes);

/// The codes of a packed weight of these sizes at some indices of its first axis: int32 or int64.
/// Throws c10::IndexError for indices that it has not.
at::Tensor unpack_rows(const PackedWeight& packed, c10::IntArrayRef sizes,
                       const at::Tensor& indices);

/// The packed codes [groups * channels, depth, window...] of a quantized weight. What was packed is
/// kept as long as the codes are there, and as they are; packable() keeps nothing else.
std::shared_ptr<const PackedWeight> packed_weight(const at::Tensor& weight, int64_t groups);

/// The same quantized weight for products: its codes are not held twice. Once they are packed,
/// others that ask for them get them unpacked. The transposed tensor is such a one too.
at::Tensor packable(const at::Tensor& weight);

}  // namespace ff::integer
