#pragma once

#include <cstddef>
#include <cstdint>

namespace bench {

/// std::memcpy, of which each of LibTorch's threads does its part.
void copy_memory(uint8_t* to, const uint8_t* from, size_t bytes, int threads);

/// Returns the exclusive or of `count` words, a multiple of 64: reads them all, once, and does next
/// to nothing else.
uint64_t read_memory(const uint64_t* words, size_t count);

}  // namespace bench
