#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "kernels/table.h"

namespace ff::kernels {

/// Calls body(table) for the table that the environment variable FF_ISA names, for all that this
/// build and processor have if it is not set.
template <typename Body>
void for_each_table(const Body& body) {
  const char* isa = std::getenv("FF_ISA");
  if (isa != nullptr && *isa != '\0') {
    const Table* table = find_table(isa);
    ASSERT_NE(table, nullptr) << "FF_ISA=" << isa << ": no such kernels here";
    body(*table);
    return;
  }
  const TableList list = available_tables();
  for (int i = 0; i < list.size; ++i) {
    SCOPED_TRACE(std::string("table ") + list.tables[i]->isa);
    body(*list.tables[i]);
  }
}

/// The number types of the tables, and those of 16 bits.
using NumberTypes = testing::Types<float, double, Bfloat16, Float16>;
using NarrowTypes = testing::Types<Bfloat16, Float16>;

}  // namespace ff::kernels
