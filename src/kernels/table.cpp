#include "kernels/table.h"

#include <string.h>

#include "kernels/reference.h"
#include "kernels/reference_arithmetic.h"
#include "kernels/reference_product.h"
#include "kernels/simd.h"

namespace ff::kernels {
namespace {

template <typename T>
constexpr Entries<T> reference_entries() {
  return {&reference::quantize<T, int8_t>,
          &reference::quantize<T, int16_t>,
          &reference::dequantize<T, int8_t>,
          &reference::dequantize<T, int16_t>,
          &reference::fake_quantize<T>,
          &reference::backward<T>,
          &reference::min_max<T>,
          &reference::max_abs<T>,
          &reference::sum_of_squares<T>,
          &reference::squared_errors<T>};
}

constexpr Table kScalar = {"scalar",
                           reference_entries<float>(),
                           reference_entries<double>(),
                           reference_entries<Bfloat16>(),
                           reference_entries<Float16>(),
                           {&reference::lookup_int8, &reference::pack_int4, &reference::unpack_int4,
                            &reference::sum_below},
                           {&reference::add_codes, &reference::multiply_codes},
                           {&reference::product_codes, &reference::product_values,
                            &reference::depthwise_codes, &reference::depthwise_values}};

/// Found once: the processor does not change.
struct AllTables {
  const Table* tables[4];
  int size;

  AllTables() : tables{}, size(0) {
    const SimdTables simd = simd_tables();
    for (; size < simd.size; ++size)
      tables[size] = simd.tables[size];
    tables[size++] = &kScalar;
  }
};

}  // namespace

TableList available_tables() noexcept {
  static const AllTables all;
  return {all.tables, all.size};
}

const Table* find_table(const char* isa) noexcept {
  const TableList list = available_tables();
  if (isa == nullptr || *isa == '\0')
    return list.tables[0];
  for (int i = 0; i < list.size; ++i) {
    if (strcmp(list.tables[i]->isa, isa) == 0)
      return list.tables[i];
  }
  return nullptr;
}

}  // namespace ff::kernels
