#pragma once

#include <cstdint>
#include <functional>

namespace bench {

/// What a function does to the memory of tensors on the CPU, in bytes.
struct MemoryUse {
  /// The most that there was at once, more than before.
  int64_t peak = 0;
  /// What is left of it.
  int64_t kept = 0;
};

/// Runs a function and counts what LibTorch allocates in this thread. Memory that a pool has from
/// before and gives again is not counted.
MemoryUse memory_use(const std::function<void()>& run);

}  // namespace bench
