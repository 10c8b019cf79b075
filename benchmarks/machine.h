#pragma once

#include <string>

namespace bench {

/// Returns what times depend on: CPU, compiler, LibTorch, threads, memory settings and, where
/// FF_ISA is set, the kernels' instruction set. One line each.
std::string machine();

}  // namespace bench
