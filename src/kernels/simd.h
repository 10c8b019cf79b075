#pragma once

#include "kernels/table.h"

namespace ff::kernels {

/// The vector tables that this build has and this processor runs, best first.
struct SimdTables {
  const Table* tables[3];
  int size;
};
SimdTables simd_tables() noexcept;

/// Products by the instructions for them (AVX-512 VNNI); null if this build or processor lacks
/// them. The other kernels gain nothing there, and Highway 1.0 truncates wrongly with them.
const ProductEntries* vnni_products() noexcept;

}  // namespace ff::kernels
