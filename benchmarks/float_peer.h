#pragma once

#include <vector>

#include "benchmark.h"

namespace bench {

/// The same work in float, without gradients.
Contestant float_peer(const std::function<at::Tensor()>& forward);

/// The fastest of some ways to do the same, tried a few times in turn.
std::function<at::Tensor()> fastest(const std::vector<std::function<at::Tensor()>>& ways);

/// True if `make models` was run; else says that most of `what` is left out.
bool has_networks(const char* what);

}  // namespace bench
