#include "kernels/table.h"

#include <gtest/gtest.h>

#include <cstring>

// The choice of tables. What is in them: <family>_kernels_test.cpp.
namespace ff::kernels {
namespace {

TEST(Table, IsFoundByItsName) {
  const TableList list = available_tables();
  for (int i = 0; i < list.size; ++i)
    EXPECT_EQ(find_table(list.tables[i]->isa), list.tables[i]);
  EXPECT_EQ(find_table("sse9"), nullptr);
  EXPECT_EQ(find_table("SCALAR"), nullptr);
}

TEST(Table, TheFirstIsTheBestAndTheLastIsTheReference) {
  const TableList list = available_tables();
  ASSERT_GE(list.size, 1);
  EXPECT_EQ(find_table(nullptr), list.tables[0]);
  EXPECT_EQ(find_table(""), list.tables[0]);
  EXPECT_STREQ(list.tables[list.size - 1]->isa, "scalar");
}

TEST(Table, EveryInstructionSetOfThisProcessorHasOne) {
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool avx512 = __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512cd");
  EXPECT_EQ(find_table("avx2") != nullptr, avx2);
  EXPECT_EQ(find_table("avx512") != nullptr, avx512);
  EXPECT_EQ(find_table("avx512_vnni") != nullptr, avx512 && __builtin_cpu_supports("avx512vnni") &&
                                                      __builtin_cpu_supports("avx512bitalg") &&
                                                      __builtin_cpu_supports("gfni"));
}

TEST(Table, HasEveryKernel) {
  const TableList list = available_tables();
  for (int i = 0; i < list.size; ++i) {
    // A table is a name and pointers to functions, and nothing else.
    const void* pointers[sizeof(Table) / sizeof(void*)];
    static_assert(sizeof(pointers) == sizeof(Table));
    std::memcpy(pointers, list.tables[i], sizeof(pointers));
    for (const void* pointer : pointers)
      EXPECT_NE(pointer, nullptr) << list.tables[i]->isa;
  }
}

}  // namespace
}  // namespace ff::kernels
