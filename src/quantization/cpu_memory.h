#pragma once

#include <ATen/core/Tensor.h>
#include <c10/util/Exception.h>

#include <cstdint>

#include "core/parallel.h"
#include "fastforward/tensor/granularity.h"
#include "kernels/table.h"
#include "tensor/tiling.h"

// CPU tensors as the memory that kernels work on.
namespace ff {

/// The kernels that this process uses: the best that the processor has, or those of FF_ISA. Throws
/// c10::ValueError if there are none of that name.
const kernels::Table& kernel_table();

/// `tensor`, or a copy of it if its elements do not fill their memory or share it. The order of the
/// axes in memory stays: a part of a channels-last tensor is channels-last, as after other
/// operators.
inline at::Tensor dense(const at::Tensor& tensor) {
  return tensor.is_non_overlapping_and_dense() ? tensor : tensor.clone(at::MemoryFormat::Preserve);
}

/// Fresh memory with the sizes and strides of a dense tensor.
at::Tensor fresh_like(const at::Tensor& dense, at::ScalarType dtype);

/// Whether results go past the caches: they are larger than these, and the next reader would not
/// find them there.
inline bool is_streamed(const at::Tensor& result) {
  constexpr size_t kStreamBytes = size_t{32} << 20;
  return result.nbytes() >= kStreamBytes;
}

/// The memory of a tensor of number type T.
template <typename T>
const T* numbers_of(const at::Tensor& tensor) {
  return static_cast<const T*>(tensor.const_data_ptr());
}
template <typename T>
T* mutable_numbers_of(const at::Tensor& tensor) {
  return static_cast<T*>(tensor.mutable_data_ptr());
}

/// Calls body(T{}) with the kernels' number type of a floating-point dtype.
template <typename Body>
void with_number_type(at::ScalarType dtype, const Body& body) {
  switch (dtype) {
    case at::kFloat:
      return body(float{});
    case at::kDouble:
      return body(double{});
    case at::kBFloat16:
      return body(kernels::Bfloat16{});
    case at::kHalf:
      return body(kernels::Float16{});
    default:
      TORCH_INTERNAL_ASSERT(false, "no kernels for ", dtype);
  }
}

/// A panel without its place.
inline kernels::Panel kernel_panel(const TiledPanel& panel) {
  return {panel.rows, panel.columns, panel.row_stride, panel.column_stride};
}

/// Calls body(panel, offset, parameter) on panels that cover dense memory, in parallel blocks.
template <typename Body>
void for_each_panel(const at::Tensor& memory, const Granularity& granularity, const Body& body) {
  if (granularity.is_per_tensor()) {
    parallel_blocks(memory.numel(), kBlockElements, [&](int64_t begin, int64_t end) {
      body(kernels::uniform_panel(end - begin), begin, int64_t{0});
    });
    return;
  }
  const Tiling tiling = make_tiling(memory.sizes(), memory.strides(), granularity);
  parallel_blocks(tiling.num_elements, kBlockElements, [&](int64_t begin, int64_t end) {
    tiling.for_each_panel(begin, end, [&](const TiledPanel& panel) {
      body(kernel_panel(panel), panel.offset, panel.parameter);
    });
  });
}

}  // namespace ff
