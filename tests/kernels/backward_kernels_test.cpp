#include <gtest/gtest.h>

#include <cstdint>

#include "kernels/chosen_tables.h"
#include "kernels/inputs.h"
#include "kernels/samples.h"
#include "kernels/sum_equality.h"
#include "kernels/table.h"

// The joint backward of every table.
namespace ff::kernels {
namespace {

template <typename T>
void fill_gradient(Buffer<T>& gradient, Random& random, bool with_specials) {
  for (int64_t i = 0; i < gradient.size(); ++i) {
    const bool special_one = with_specials && random() % 8 == 0;
    gradient[i] = special_one ? special<T>(random) : summand<T>(random);
  }
}

template <typename T>
testing::AssertionResult is_equal(const Table& table, const Inputs<T>& in, Random& random) {
  testing::AssertionResult result = testing::AssertionSuccess();
  for (const bool with_specials : {false, true}) {
    for (const int64_t shift : {in.shift, int64_t{0}}) {
      Buffer<T> gradient(in.size(), shift);
      fill_gradient(gradient, random, with_specials);
      if (result)
        result = backward_is_equal(table, in, gradient);
    }
  }
  return result;
}

template <typename T>
class BackwardKernels : public testing::Test {};
TYPED_TEST_SUITE(BackwardKernels, NumberTypes);

TYPED_TEST(BackwardKernels, EverySizePlaceAndNumberOfBits) {
  for_each_table([](const Table& table) {
    Random random(11);
    for_each_size_and_place<TypeParam>(
        random, [&](const Inputs<TypeParam>& in) { ASSERT_TRUE(is_equal(table, in, random)); });
  });
}

TYPED_TEST(BackwardKernels, EveryScaleWithEveryOffset) {
  for_each_table([](const Table& table) {
    Random random(12);
    for_each_edge_parameter<TypeParam>(
        random, [&](const Inputs<TypeParam>& in) { ASSERT_TRUE(is_equal(table, in, random)); });
  });
}

// Most data inside the grid, or most outside, so that the sums are not those of a few elements.
TYPED_TEST(BackwardKernels, SumsOfWholeBlocks) {
  using P = Arithmetic<TypeParam>;
  for_each_table([](const Table& table) {
    Random random(13);
    for (const P width : {P(0.9), P(3)}) {
      for (const P z : {P{0}, P{7}}) {
        Inputs<TypeParam> in(uniform_panel(kSumBlock), 0, 8, random, P(0.0371), z);
        for (int64_t i = 0; i < in.size(); ++i) {
          const P position = static_cast<P>(256 * (random.fraction() - 0.5)) * width;
          in.data[i] = narrow<TypeParam>((position + z) * in.scale[0]);
        }
        ASSERT_TRUE(is_equal(table, in, random));
      }
    }
  });
}

}  // namespace
}  // namespace ff::kernels
