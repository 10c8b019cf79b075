#include "memory_limits.h"

#include <torch/types.h>

#include "bandwidth.h"

namespace bench {
namespace {

// LibTorch's memory, as the other functions have it, and in use: filled with something that is not
// zero, because all pages of zeros may be one page.
at::Tensor touched_bytes(int64_t bytes) {
  return torch::full({bytes}, 1, torch::kByte);
}

}  // namespace

Contestant copy_limit(int64_t bytes, int threads) {
  const at::Tensor from = touched_bytes(bytes), to = touched_bytes(bytes);
  return {"memcpy",
          [=] {
            copy_memory(to.data_ptr<uint8_t>(), from.data_ptr<uint8_t>(),
                        static_cast<size_t>(bytes), threads);
          },
          threads};
}

Contestant read_limit(int64_t bytes) {
  const at::Tensor from = touched_bytes(bytes);
  return {"read", [=, result = uint64_t{0}]() mutable {
            volatile uint64_t* keep = &result;
            *keep = read_memory(reinterpret_cast<const uint64_t*>(from.data_ptr<uint8_t>()),
                                static_cast<size_t>(bytes) / sizeof(uint64_t));
          }};
}

}  // namespace bench
