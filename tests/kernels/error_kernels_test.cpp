#include <gtest/gtest.h>

#include <cstdint>

#include "kernels/chosen_tables.h"
#include "kernels/inputs.h"
#include "kernels/samples.h"
#include "kernels/sum_equality.h"
#include "kernels/table.h"

// squared_errors of every table.
namespace ff::kernels {
namespace {

/// Finite data around the grids of the candidates.
template <typename T>
void fill_data(Buffer<T>& data, const Candidates<Arithmetic<T>>& grids, Random& random) {
  for (int64_t i = 0; i < data.size(); ++i) {
    if (grids.scale.size() == 0 || random() % 4 == 0) {
      data[i] = summand<T>(random);
      continue;
    }
    const int64_t c = random.integer(0, grids.scale.size() - 1);
    data[i] = finite(data_for<T>(random, {grids.scale[c], grids.z[c], grids.low, grids.high}));
  }
}

template <typename T>
class ErrorKernels : public testing::Test {};
TYPED_TEST_SUITE(ErrorKernels, NumberTypes);

TYPED_TEST(ErrorKernels, EverySizePlaceAndNumberOfCandidates) {
  for_each_table([](const Table& table) {
    Random random(31);
    for (const int64_t n : kSizes) {
      for (const int64_t shift : kShifts) {
        for (const int64_t candidates : {0, 1, 2, 3, 7}) {
          const auto num_bits = static_cast<int>(random.integer(1, 16));
          const Candidates<Arithmetic<TypeParam>> grids(candidates, shift, num_bits, random);
          Buffer<TypeParam> data(n, shift);
          fill_data(data, grids, random);
          ASSERT_TRUE(squared_errors_are_equal(table, data, grids, shift));
        }
      }
    }
  });
}

TYPED_TEST(ErrorKernels, EveryScaleWithEveryOffset) {
  using P = Arithmetic<TypeParam>;
  for_each_table([](const Table& table) {
    Random random(32);
    for (int num_bits = 1; num_bits <= 16; ++num_bits) {
      Candidates<P> grids(static_cast<int64_t>(kEdgeScales<P> * kEdgeOffsets), 1, num_bits);
      for (int64_t c = 0; c < grids.scale.size(); ++c) {
        grids.scale[c] = edge_scale<P>(static_cast<uint64_t>(c) / kEdgeOffsets);
        grids.z[c] = edge_offset<P>(static_cast<uint64_t>(c), grids.low, grids.high);
      }
      Buffer<TypeParam> data(331, 1);
      fill_data(data, grids, random);
      ASSERT_TRUE(squared_errors_are_equal(table, data, grids, 1));
    }
  });
}

// As in a search: scales of one range, errors of which none dwarfs the others.
TYPED_TEST(ErrorKernels, SearchOverOneRange) {
  using P = Arithmetic<TypeParam>;
  for_each_table([](const Table& table) {
    Random random(33);
    for (const int num_bits : {2, 4, 8}) {
      for (const P z : {P{0}, P{1}}) {
        Candidates<P> grids(100, 0, num_bits);
        for (int64_t c = 0; c < 100; ++c) {
          grids.scale[c] = static_cast<P>(c + 1) / (100 * grids.high);
          grids.z[c] = z;
        }
        Buffer<TypeParam> data(kSumBlock, 1);
        for (int64_t i = 0; i < data.size(); ++i)
          data[i] = narrow<TypeParam>(static_cast<P>(2.2 * random.fraction() - 1.1));
        ASSERT_TRUE(squared_errors_are_equal(table, data, grids, 0));
      }
    }
  });
}

}  // namespace
}  // namespace ff::kernels
