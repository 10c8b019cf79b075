#pragma once

#include <cstddef>

namespace ff {

/// Tells the system that fresh memory of `bytes` bytes at `memory` is about to be filled.
///
/// Large memory then comes in pages of 2 MiB, with one page fault instead of 512
/// (docs/performance.md). Does nothing for small memory and where the system knows no such pages.
void advise_huge_pages(void* memory, size_t bytes) noexcept;

}  // namespace ff
