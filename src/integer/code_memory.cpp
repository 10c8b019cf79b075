#include "integer/code_memory.h"

#include <ATen/EmptyTensor.h>
#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>
#include <c10/util/strides.h>

#include <map>
#include <mutex>

#include "core/huge_pages.h"

namespace ff::integer {
namespace {

class CodePool final : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t bytes) override {
    const size_t size = rounded(bytes);
    if (size == 0)
      return {nullptr, nullptr, &give_back, c10::Device(c10::kCPU)};
    Block* block = take(size);
    return {block->memory.get(), block, &give_back, c10::Device(c10::kCPU)};
  }
  c10::DeleterFnPtr raw_deleter() const override {
    return nullptr;  // the context is no pointer to the memory
  }
  void copy_data(void* to, const void* from, std::size_t bytes) const override {
    default_copy_data(to, from, bytes);
  }

  void release() {
    Blocks unused;
    {
      const std::scoped_lock lock(mutex_);
      unused.swap(free_);
      kept_ = 0;
    }
    for (const auto& [size, block] : unused)
      delete block;
  }

  static CodePool& instance() {
    static auto* pool = new CodePool;  // not destroyed: tensors may go after it
    return *pool;
  }

 private:
  struct Block;
  using Blocks = std::multimap<size_t, Block*>;
  struct Block {
    size_t size;
    c10::DataPtr memory;
    Blocks::node_type node;  // its place among those that are free, so that none is made each time
  };

  // Sizes are few, so that blocks fit again.
  static size_t rounded(size_t bytes) {
    constexpr size_t kUnit = 4096;
    return (bytes + kUnit - 1) / kUnit * kUnit;
  }

  Block* take(size_t size) {
    {
      const std::scoped_lock lock(mutex_);
      const auto found = free_.lower_bound(size);
      if (found != free_.end() && found->first <= 2 * size) {
        Block* block = found->second;
        kept_ -= block->size;
        block->node = free_.extract(found);
        return block;
      }
    }
    auto* block = new Block{size, c10::GetCPUAllocator()->allocate(size), {}};
    advise_huge_pages(block->memory.get(), size);
    return block;
  }

  static void give_back(void* context) {
    auto* block = static_cast<Block*>(context);
    if (block == nullptr)
      return;
    constexpr size_t kMost = size_t{128} << 20;
    CodePool& pool = instance();
    {
      const std::scoped_lock lock(pool.mutex_);
      if (pool.kept_ + block->size <= kMost) {
        pool.kept_ += block->size;
        if (block->node.empty())
          pool.free_.emplace(block->size, block);
        else
          pool.free_.insert(std::move(block->node));
        return;
      }
    }
    delete block;
  }

  std::mutex mutex_;
  Blocks free_;
  size_t kept_ = 0;
};

}  // namespace

at::Tensor empty_codes(c10::IntArrayRef sizes, c10::IntArrayRef strides) {
  return at::detail::empty_strided_generic(sizes, strides, &CodePool::instance(),
                                           c10::DispatchKeySet(c10::DispatchKey::CPU), at::kChar);
}

at::Tensor empty_codes(c10::IntArrayRef sizes) {
  return empty_codes(sizes, c10::contiguous_strides(sizes));
}

void release_code_memory() {
  CodePool::instance().release();
}

}  // namespace ff::integer
