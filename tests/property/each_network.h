#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <exception>
#include <string>

#include "property/random_network.h"

namespace ff::test {

/// Networks that a property looks at.
inline constexpr uint64_t kNetworks = 200;

/// FF_SEED: the seed of the first network.
inline uint64_t first_seed() {
  const char* given = std::getenv("FF_SEED");
  return given == nullptr ? 0 : std::strtoull(given, nullptr, 10);
}

/// Calls check(network, seed) for each, and says which one fails.
template <typename Check>
void for_each_network(const Check& check) {
  for (uint64_t seed = first_seed(); seed < first_seed() + kNetworks; ++seed) {
    const Network network = random_network(seed);
    SCOPED_TRACE("FF_SEED=" + std::to_string(seed) + "\n" + script_of(network));
    try {
      check(network, seed);
    } catch (const std::exception& error) {
      ADD_FAILURE() << error.what();
    }
    if (testing::Test::HasFailure())
      return;
  }
}

}  // namespace ff::test
