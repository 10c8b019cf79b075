#include "kernels/table.h"

#include <string.h>

#include "kernels/reference.h"

namespace ff::kernels {
namespace {

template <typename T>
constexpr Entries<T> reference_entries() {
  return {&reference::quantize<T, int8_t>, &reference::quantize<T, int16_t>,
          &reference::dequantize<T, int8_t>, &reference::dequantize<T, int16_t>,
          &reference::backward<T>};
}

constexpr Table kScalar = {"scalar", reference_entries<float>(), reference_entries<double>()};

constexpr const Table* kTables[] = {&kScalar};

}  // namespace

TableList available_tables() noexcept {
  return {kTables, 1};
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
