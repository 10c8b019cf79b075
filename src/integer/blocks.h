#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/StorageImpl.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "dispatch/output_scope.h"
#include "tensor/quantized_tensor_impl.h"

namespace ff::integer {

/// A part of a tensor: a range of each axis.
struct Block {
  std::vector<int64_t> begin, size;
};

/// How values lie in memory, and where they may be cut into blocks.
struct BlockLayout {
  /// Of all values.
  std::vector<int64_t> sizes;
  /// The axes, the outermost in memory first.
  std::vector<size_t> order;
  /// A block has all of the axes from this place in `order` on.
  size_t whole;
};

/// Float values that are computed block by block, so that they stay in the cache until an operator
/// behind has quantized them.
class BlockValues : public CodesSource {
 public:
  /// `depth`: how many such values stand behind each other here.
  explicit BlockValues(BlockLayout layout, int depth = 1)
      : layout_(std::move(layout)), depth_(depth) {}

  /// The values of a block, shaped like it. On any thread.
  virtual at::Tensor block(const Block& block) const = 0;
  /// True if plain values in this memory are read when blocks are computed.
  virtual bool reads(const c10::StorageImpl* memory) const = 0;
  /// All values: for somebody who takes no blocks.
  at::Tensor codes() const final;
  const BlockLayout& layout() const {
    return layout_;
  }
  int depth() const {
    return depth_;
  }

 private:
  BlockLayout layout_;
  int depth_;
};

/// True if a tensor is plain, and its values are in this memory.
bool is_memory_of(const at::Tensor& tensor, const c10::StorageImpl* memory);

/// A tensor of these values, quantized by nothing.
at::Tensor tensor_of(std::shared_ptr<const BlockValues> values);

/// The values of a tensor of tensor_of; null for others.
const BlockValues* block_values(const at::Tensor& tensor);

/// The values of a tensor, plain or quantized with one scale, in a block of a result with which its
/// axes are aligned from the last one on, as in broadcasting. It has all of its last `whole` axes.
at::Tensor block_of(const at::Tensor& tensor, const Block& block, size_t whole);

/// The codes of all values, as `output` has them; it has a grid for integers and no bias.
at::Tensor quantize_blocks(const BlockValues& values, const dispatch::WantedOutput& output);

}  // namespace ff::integer
