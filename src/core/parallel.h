#pragma once

#include <ATen/Parallel.h>

#include <algorithm>
#include <cstdint>

namespace ff {

/// Elements in a block of work. A block is never divided, whatever the number of threads.
inline constexpr int64_t kBlockElements = 1 << 15;

// ThreadSanitizer does not see how OpenMP's threads begin and end.
#ifdef __SANITIZE_THREAD__
extern "C" void __tsan_acquire(void* address);
extern "C" void __tsan_release(void* address);
#endif

namespace detail {

/// Tells ThreadSanitizer that what was done before `release` is seen after `acquire`.
struct HappensBefore {
#ifdef __SANITIZE_THREAD__
  void release() {
    __tsan_release(this);
  }
  void acquire() {
    __tsan_acquire(this);
  }
#else
  void release() {}
  void acquire() {}
#endif
  char address = 0;
};

}  // namespace detail

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
  detail::HappensBefore begin, end;
  begin.release();
  at::parallel_for(0, blocks, 1, [&](int64_t first, int64_t last) {
    begin.acquire();
    for (int64_t i = first; i < last; ++i)
      body(i * block, std::min(n, (i + 1) * block));
    end.release();
  });
  end.acquire();
}

}  // namespace ff
