#include "integer/packed_weight.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <cstdlib>

#include "kernels/product.h"
#include "kernels/reference_product.h"

namespace ff::integer {
namespace {

// Codes [channel, taps, depth] are packed tap after tap; those of a depthwise convolution, which
// has no depth, as [channel, columns, taps of a column].
int64_t outer_of(const PackedWeight& packed) {
  return packed.is_depthwise ? packed.columns : packed.taps;
}

}  // namespace

std::shared_ptr<const PackedWeight> pack_weight(const at::Tensor& codes, int64_t groups) {
  auto packed = std::make_shared<PackedWeight>();
  packed->depth = codes.size(1);
  packed->taps = 1;
  for (int64_t axis = 2; axis < codes.dim(); ++axis)
    packed->taps *= codes.size(axis);
  packed->is_depthwise = groups > 1 && groups == codes.size(0) && packed->depth == 1 &&
                         packed->taps <= kernels::kDepthwiseTaps;
  if (packed->is_depthwise)
    groups = 1;
  packed->groups = groups;
  packed->channels = codes.size(0) / groups;
  packed->columns = 1;
  if (packed->is_depthwise && packed->taps > codes.size(-1))
    packed->columns = codes.size(-1);
  // [channel, tap, depth], taps column by column
  const int64_t row = packed->taps * packed->depth, outer = outer_of(*packed), inner = row / outer;
  const at::Tensor ordered =
      codes.reshape({codes.size(0), inner, outer}).transpose(1, 2).contiguous();
  const int64_t bytes = packed->group_bytes();
  const int64_t panel = packed->panel_channels();
  packed->codes = at::empty({groups * bytes}, codes.options());
  packed->sums.resize(static_cast<size_t>(groups * panel));
  packed->largest = 0;
  const auto* from = ordered.const_data_ptr<int8_t>();
  for (int64_t g = 0; g < groups; ++g) {
    const int8_t* group = from + g * packed->channels * row;
    kernels::reference::pack_weights(group, packed->channels, outer, inner,
                                     packed->codes.mutable_data_ptr<int8_t>() + g * bytes);
    for (int64_t c = 0; c < packed->channels; ++c) {
      int64_t sum = 0, absolute = 0;
      for (int64_t i = 0; i < row; ++i) {
        sum += group[c * row + i];
        absolute += std::abs(group[c * row + i]);
      }
      packed->sums[static_cast<size_t>(g * panel + c)] = static_cast<int32_t>(sum);
      packed->largest = std::max(packed->largest, absolute);
    }
  }
  return packed;
}

int64_t PackedWeight::panel_channels() const {
  return kernels::round_up(channels, kernels::kPanelChannels);
}

int64_t PackedWeight::group_bytes() const {
  return is_depthwise ? kernels::packed_size(channels, columns, taps / columns)
                      : kernels::packed_size(channels, taps, depth);
}

const int8_t* PackedWeight::group(int64_t index) const {
  return codes.const_data_ptr<int8_t>() + index * group_bytes();
}

at::Tensor unpack_weight(const PackedWeight& packed, c10::IntArrayRef sizes) {
  return unpack_rows(packed, sizes, at::arange(sizes[0], at::kLong));
}

at::Tensor unpack_rows(const PackedWeight& packed, c10::IntArrayRef sizes,
                       const at::Tensor& indices) {
  const int64_t row = packed.taps * packed.depth, outer = outer_of(packed), inner = row / outer;
  const at::Tensor asked = indices.to(at::kLong).contiguous();
  const auto* index = asked.const_data_ptr<int64_t>();
  const at::Tensor ordered = at::empty({asked.numel(), outer, inner}, packed.codes.options());
  auto* to = ordered.mutable_data_ptr<int8_t>();
  for (int64_t i = 0; i < asked.numel(); ++i) {
    TORCH_CHECK_INDEX(index[i] >= 0 && index[i] < sizes[0],
                      "index out of range in self: ", index[i], " of ", sizes[0], " rows");
    kernels::reference::unpack_channel(packed.group(index[i] / packed.channels),
                                       index[i] % packed.channels, outer, inner, to + i * row);
  }
  at::DimVector results(sizes);
  results[0] = asked.numel();
  return ordered.transpose(1, 2).reshape(results);
}

}  // namespace ff::integer
