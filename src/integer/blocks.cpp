#include "integer/blocks.h"

#include <ATen/Parallel.h>
#include <ATen/core/DimVector.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty_strided.h>
#include <c10/core/impl/LocalDispatchKeySet.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/parallel.h"
#include "fastforward/tensor/quantized_tensor.h"
#include "integer/code_memory.h"
#include "integer/grid.h"
#include "kernels/table.h"
#include "quantization/cpu_memory.h"
#include "tensor/no_function.h"

namespace ff::integer {
namespace {

// The blocks of a layout: one index of the axes in front of a place in `order`, a range of the axis
// there, all of those behind.
class Cut {
 public:
  explicit Cut(const BlockLayout& layout) : layout_(layout) {
    for (const size_t axis : layout.order)
      inner_ *= layout.sizes[axis];
    numel_ = inner_;
    // So many stay in the second cache, and what they are made of too.
    constexpr int64_t kValues = 1 << 16;
    for (; place_ < layout.whole && inner_ > kValues; ++place_)
      inner_ /= size_at(place_);
    if (place_ == 0)
      return;
    --place_;
    // Products compute 12 rows, or a part of 12, at once.
    constexpr int64_t kRows = 12;
    step_ = std::max<int64_t>(1, kValues / inner_);
    if (step_ > kRows)
      step_ = step_ / kRows * kRows;
    ranges_ = (size_at(place_) + step_ - 1) / step_;
    count_ = numel_ / (inner_ * size_at(place_)) * ranges_;
  }

  int64_t count() const {
    return numel_ == 0 ? 0 : count_;
  }
  // The block, and where it begins in memory.
  std::pair<Block, int64_t> operator[](int64_t index) const {
    Block block{std::vector<int64_t>(layout_.sizes.size(), 0), layout_.sizes};
    if (ranges_ == 0)
      return {std::move(block), 0};
    const size_t cut = layout_.order[place_];
    int64_t outer = index / ranges_;
    block.begin[cut] = index % ranges_ * step_;
    block.size[cut] = std::min(step_, size_at(place_) - block.begin[cut]);
    const int64_t from = (outer * size_at(place_) + block.begin[cut]) * inner_;
    for (size_t place = place_; place-- > 0; outer /= size_at(place)) {
      block.begin[layout_.order[place]] = outer % size_at(place);
      block.size[layout_.order[place]] = 1;
    }
    return {std::move(block), from};
  }

 private:
  int64_t size_at(size_t place) const {
    return layout_.sizes[layout_.order[place]];
  }

  const BlockLayout& layout_;
  int64_t numel_ = 1;
  size_t place_ = 0;    // of the axis that is cut
  int64_t inner_ = 1;   // values of one index of it
  int64_t step_ = 1;    // indices of it in a block
  int64_t ranges_ = 0;  // blocks that it makes; 0 if there is one block of all
  int64_t count_ = 1;
};

// Calls use(values, begin, n) with the values of each block as they lie in memory.
template <typename Use>
void for_each_block(const BlockValues& values, const Use& use) {
  const BlockLayout& layout = values.layout();
  const Cut cut(layout);
  const std::vector<int64_t> order(layout.order.begin(), layout.order.end());
  parallel_blocks(cut.count(), 1, [&](int64_t first, int64_t end) {
    const at::NoGradGuard no_grad;
    const dispatch::OutputScope nobody({});  // the operators inside have other results
    // Values are float, on each thread.
    const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::DispatchKey::AutocastCPU);
    for (int64_t i = first; i < end; ++i) {
      const auto [block, begin] = cut[i];
      const at::Tensor some = values.block(block).permute(order).contiguous();
      use(some.const_data_ptr<float>(), begin, some.numel());
    }
  });
}

// Those of all values in memory.
at::DimVector strides_of(const BlockLayout& layout) {
  at::DimVector strides(layout.sizes.size());
  int64_t stride = 1;
  for (size_t place = strides.size(); place-- > 0;) {
    strides[layout.order[place]] = stride;
    stride *= std::max<int64_t>(1, layout.sizes[layout.order[place]]);
  }
  return strides;
}

}  // namespace

at::Tensor BlockValues::codes() const {
  at::Tensor all = at::empty_strided(layout_.sizes, strides_of(layout_), at::kFloat);
  auto* to = all.mutable_data_ptr<float>();
  for_each_block(*this, [to](const float* values, int64_t begin, int64_t n) {
    std::memcpy(to + begin, values, static_cast<size_t>(n) * sizeof(float));
  });
  return all;
}

bool is_memory_of(const at::Tensor& tensor, const c10::StorageImpl* memory) {
  return tensor.defined() && !is_quantized(tensor) && tensor.has_storage() &&
         tensor.storage().unsafeGetStorageImpl() == memory;
}

at::Tensor tensor_of(std::shared_ptr<const BlockValues> values) {
  const BlockLayout& layout = values->layout();
  return at::detail::make_tensor<QuantizedTensorImpl>(values, at::kFloat, layout.sizes,
                                                      strides_of(layout), c10::Device(c10::kCPU),
                                                      no_function(), at::kFloat);
}

const BlockValues* block_values(const at::Tensor& tensor) {
  if (!is_quantized_by_nothing(tensor))
    return nullptr;
  return dynamic_cast<const BlockValues*>(as_quantized(tensor)->source().get());
}

at::Tensor block_of(const at::Tensor& tensor, const Block& block, size_t whole) {
  if (const BlockValues* values = block_values(tensor))
    return values->block(block);
  at::Tensor part = is_quantized(tensor) ? codes(tensor) : tensor;
  const size_t missing = block.size.size() - static_cast<size_t>(part.dim());
  for (size_t axis = missing; axis + whole < block.size.size(); ++axis) {
    const auto own = static_cast<int64_t>(axis - missing);
    if (part.size(own) != 1 && part.size(own) != block.size[axis])
      part = part.narrow(own, block.begin[axis], block.size[axis]);
  }
  return is_quantized(tensor) ? bound_function(tensor).dequantize(part, at::kFloat) : part;
}

at::Tensor quantize_blocks(const BlockValues& values, const dispatch::WantedOutput& output) {
  const Grid grid = *grid_of(output);
  const at::Tensor all = empty_codes(values.layout().sizes, strides_of(values.layout()));
  auto* to = all.mutable_data_ptr<int8_t>();
  const float zero = static_cast<float>(grid.zero), low = static_cast<float>(grid.low),
              high = static_cast<float>(grid.high);
  const auto kernel = kernel_table().f32.quantize_int8;
  for_each_block(values, [&](const float* some, int64_t begin, int64_t n) {
    kernel(some, to + begin, kernels::uniform_panel(n), &grid.scale, &zero, low, high);
  });
  return output.function->attach(all, at::kFloat);
}

}  // namespace ff::integer
