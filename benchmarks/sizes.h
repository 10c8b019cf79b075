#pragma once

#include <algorithm>
#include <cstdint>

namespace bench {

/// How many elements the benchmarks work on. All are multiples of kUnit, so that every shape below
/// divides them.
struct Sizes {
  /// The fewest elements.
  static constexpr int64_t kUnit = 1 << 16;

  /// More than a cache holds: 128 MiB of float32.
  int64_t dram = 1 << 25;

  /// Data and result fit into a level 2 cache of 2 MiB.
  int64_t l2() const {
    return std::min<int64_t>(1 << 18, dram);
  }
  /// A large activation.
  int64_t training() const {
    return std::min<int64_t>(1 << 22, dram);
  }
  /// A weight of a linear layer.
  int64_t search() const {
    return std::min<int64_t>(1 << 20, dram);
  }
};

}  // namespace bench
