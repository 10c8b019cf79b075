#pragma once

#include <ATen/Parallel.h>

#include <algorithm>
#include <cstdint>

namespace ff {

/// Elements in a block of work. A block is never divided, whatever the number of threads.
inline constexpr int64_t kBlockElements = 1 << 15;

/// Calls `body(begin, end)` on consecutive blocks of at most `block` elements that cover [0, n).
///
/// The blocks depend on n and `block` only, so a body that writes one result per block gives the
/// same results with any number of threads. Threads are LibTorch's (at::set_num_threads). `body`
/// runs on several threads at once.
template <typename Body>
void parallel_blocks(int64_t n, int64_t block, const Body& body) {
  if (n <= block) {
    if (n > 0)
      body(int64_t{0}, n);
    return;
  }
  const int64_t blocks = (n + block - 1) / block;
  at::parallel_for(0, blocks, 1, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i)
      body(i * block, std::min(n, (i + 1) * block));
  });
}

}  // namespace ff
