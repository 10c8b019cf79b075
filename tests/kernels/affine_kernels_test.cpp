#include <gtest/gtest.h>

#include <cstdint>
#include <iterator>

#include "kernels/affine_equality.h"
#include "kernels/chosen_tables.h"
#include "kernels/inputs.h"
#include "kernels/samples.h"
#include "kernels/table.h"

// quantize, dequantize and fake_quantize of every table.
namespace ff::kernels {
namespace {

template <typename T>
class AffineKernels : public testing::Test {};
TYPED_TEST_SUITE(AffineKernels, NumberTypes);

template <typename T>
class NarrowAffineKernels : public testing::Test {};
TYPED_TEST_SUITE(NarrowAffineKernels, NarrowTypes);

TYPED_TEST(AffineKernels, EverySizePlaceAndNumberOfBits) {
  for_each_table([](const Table& table) {
    Random random(1);
    for_each_size_and_place<TypeParam>(random, [&](const Inputs<TypeParam>& in) {
      ASSERT_TRUE(affine_is_equal(table, in, random));
    });
  });
}

TYPED_TEST(AffineKernels, EveryScaleWithEveryOffset) {
  for_each_table([](const Table& table) {
    Random random(2);
    for_each_edge_parameter<TypeParam>(random, [&](const Inputs<TypeParam>& in) {
      ASSERT_TRUE(affine_is_equal(table, in, random));
    });
  });
}

TYPED_TEST(AffineKernels, EveryPanel) {
  for_each_table([](const Table& table) {
    Random random(3);
    for_each_panel([&](const Panel& panel) {
      const int num_bits = static_cast<int>(random.integer(1, 16));
      const int64_t shift = kShifts[random() % std::size(kShifts)];
      const Inputs<TypeParam> in(panel, shift, num_bits, random);
      ASSERT_TRUE(affine_is_equal(table, in, random));
    });
  });
}

TYPED_TEST(AffineKernels, NothingOfAnEmptyPanel) {
  for_each_table([](const Table& table) {
    Random random(4);
    for_each_empty_panel([&](const Panel& panel) {
      const Inputs<TypeParam> in(panel, 1, 8, random);
      ASSERT_TRUE(affine_is_equal(table, in, random));
    });
  });
}

TYPED_TEST(AffineKernels, ManyElements) {
  using P = Arithmetic<TypeParam>;
  for_each_table([](const Table& table) {
    Random random(5);
    const Inputs<TypeParam> uniform(uniform_panel(kBig), 1, 8, random, P(0.0371), P{5});
    ASSERT_TRUE(affine_is_equal(table, uniform, random));
    const Inputs<TypeParam> varying({1, kBig, 0, 1}, kAtEnd, 16, random);
    ASSERT_TRUE(affine_is_equal(table, varying, random));
    const Inputs<TypeParam> channels({77, 12987, 1, 0}, 3, 4, random);
    ASSERT_TRUE(affine_is_equal(table, channels, random));
  });
}

// All 65536 of a narrow type as data, and all codes.
TYPED_TEST(NarrowAffineKernels, AllNumbers) {
  for_each_table([](const Table& table) {
    Random random(6);
    for (int round = 0; round < 60; ++round) {
      const int num_bits = round % 2 == 0 ? 8 : 16;
      const float scale = round < 40 ? random_scale<float>(random) : edge_scale<float>(random());
      const float z =
          random_offset<float>(random, lowest_code<float>(num_bits), highest_code<float>(num_bits));
      Inputs<TypeParam> in(uniform_panel(65536), 0, num_bits, random, scale, z);
      for (int64_t i = 0; i < in.size(); ++i)
        in.data[i] = of_bits<TypeParam>(static_cast<uint64_t>(i));
      ASSERT_TRUE(affine_is_equal(table, in, random));
    }
  });
}

}  // namespace
}  // namespace ff::kernels
