#include "integer/channels_last.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>

#include <algorithm>

#include "integer/code_memory.h"

namespace ff::integer {
namespace {

// Puts the channels of an image, one after the other, side by side. LibTorch's copy of 3 x 224 x
// 224 codes takes 100 microseconds, this loop with a known number of channels 28.
template <int64_t kChannels>
void interleave(const int8_t* from, int64_t pixels, int8_t* to) {
  for (int64_t i = 0; i < pixels; ++i) {
    for (int64_t c = 0; c < kChannels; ++c)
      to[i * kChannels + c] = from[c * pixels + i];
  }
}

template <int64_t kChannels>
at::Tensor interleaved(const at::Tensor& codes) {
  const at::Tensor results = empty_codes(codes.sizes(), channels_last_strides(codes.sizes()));
  const int64_t pixels = c10::multiply_integers(codes.sizes().slice(2));
  const auto* from = codes.const_data_ptr<int8_t>();
  auto* to = results.mutable_data_ptr<int8_t>();
  at::parallel_for(0, codes.size(0), 1, [&](int64_t first, int64_t end) {
    for (int64_t image = first; image < end; ++image) {
      const int64_t begin = image * kChannels * pixels;
      interleave<kChannels>(from + begin, pixels, to + begin);
    }
  });
  return results;
}

}  // namespace

at::DimVector channels_last_strides(c10::IntArrayRef sizes) {
  at::DimVector strides(sizes.size());
  int64_t stride = std::max<int64_t>(sizes[1], 1);
  for (size_t axis = sizes.size(); axis-- > 2;) {
    strides[axis] = stride;
    stride *= std::max<int64_t>(sizes[axis], 1);
  }
  strides[1] = 1;
  strides[0] = stride;
  return strides;
}

at::Tensor channels_together(const at::Tensor& codes) {
  int64_t stride = codes.size(1);
  bool is_so = codes.stride(1) == 1 || codes.size(1) == 1;
  for (int64_t axis = codes.dim() - 1; axis >= 0; --axis) {
    if (axis == 1)
      continue;
    is_so = is_so && (codes.stride(axis) == stride || codes.size(axis) == 1);
    stride *= codes.size(axis);
  }
  if (is_so)
    return codes;
  constexpr int64_t kColors = 3;
  if (codes.size(1) == kColors && codes.is_contiguous())
    return interleaved<kColors>(codes);
  return codes.movedim(1, -1).contiguous().movedim(-1, 1);
}

}  // namespace ff::integer
