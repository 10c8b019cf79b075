#pragma once

#include <cstdint>

#include "benchmark.h"

namespace bench {

/// std::memcpy of `bytes` bytes from one tensor to another, both of them in memory before. With
/// several threads each copies its part.
///
/// The bytes that work moves are counted as read plus written, and a copy moves twice what it
/// copies: work that reads 4 bytes and writes 1 for an element has as its limit a copy of 2.5.
///
/// glibc's memcpy writes past the caches above 3/4 of a thread's share of the last one, and then
/// takes a third less time for a byte. Where that lies between the sizes here, as at 190 MB on a
/// 2-core Xeon with 480 MB, limits of different works are not comparable with each other.
Contestant copy_limit(int64_t bytes, int threads = 1);

/// A loop that reads `bytes` bytes of a tensor and keeps nothing of them.
Contestant read_limit(int64_t bytes);

}  // namespace bench
