#pragma once

#include "kernels/table.h"

namespace ff::kernels {

/// The vector tables that this build has and this processor runs, best first.
struct SimdTables {
  const Table* tables[3];
  int size;
};
SimdTables simd_tables() noexcept;

}  // namespace ff::kernels
