#include "bandwidth.h"

#include <cstring>

// The compiler makes a version for each of these and the loader picks one: with 16 bytes a load
// the loop would be bound by instructions where data comes from a cache.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define BENCH_FOR_EACH_CPU __attribute__((target_clones("default", "avx2", "avx512f")))
#else
#define BENCH_FOR_EACH_CPU
#endif

namespace bench {

void copy_memory(uint8_t* to, const uint8_t* from, size_t bytes, int threads) {
  if (threads == 1) {
    std::memcpy(to, from, bytes);
    return;
  }
  const auto parts = static_cast<size_t>(threads);
#pragma omp parallel for num_threads(threads)
  for (size_t part = 0; part < parts; ++part) {
    const size_t start = bytes * part / parts, end = bytes * (part + 1) / parts;
    std::memcpy(to + start, from + start, end - start);
  }
}

BENCH_FOR_EACH_CPU uint64_t read_memory(const uint64_t* words, size_t count) {
  // A processor fetches ahead within a page of 4 KiB and stops at its end; from eight places at
  // once there is always something under way. On a 2-core Xeon 128 MiB take 8.3 ms so, 10.4 ms with
  // prefetches for the next page, and 12 to 16 ms from one place.
  constexpr size_t kPlaces = 8, kLineWords = 8;
  const size_t part = count / kPlaces;
  uint64_t sums[kPlaces][kLineWords] = {};
  for (size_t i = 0; i + kLineWords <= part; i += kLineWords) {
    for (size_t place = 0; place < kPlaces; ++place) {
      for (size_t j = 0; j < kLineWords; ++j)
        sums[place][j] ^= words[place * part + i + j];
    }
  }
  uint64_t sum = 0;
  for (const auto& line : sums) {
    for (const uint64_t word : line)
      sum ^= word;
  }
  return sum;
}

}  // namespace bench
