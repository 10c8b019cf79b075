#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "kernels/chosen_tables.h"
#include "kernels/inputs.h"
#include "kernels/product_equality.h"

// Products of every table.
namespace ff::kernels {
namespace {

TEST(ProductKernels, EverySizeAroundATile) {
  for_each_table([](const Table& table) {
    Random random(51);
    for (int64_t rows = 0; rows <= 26; ++rows) {
      for (const int64_t channels :
           {1, 7, 8, 15, 16, 17, 31, 32, 33, 48, 63, 64, 65, 80, 96, 113}) {
        const ProductSizes sizes{rows, channels, 1 + static_cast<int64_t>(random() % 3),
                                 1 + static_cast<int64_t>(random() % 21)};
        RandomProduct product(sizes, random);
        product.product().zero = static_cast<int32_t>(random() % 257) - 128;
        ASSERT_TRUE(products_are_equal(table, product, rows % 3, kAtEnd))
            << sizes.rows << " rows, " << sizes.channels << " channels, " << sizes.taps
            << " taps, depth " << sizes.depth;
      }
    }
  });
}

TEST(ProductKernels, EveryDepth) {
  for_each_table([](const Table& table) {
    Random random(52);
    for (int64_t depth = 1; depth <= 140; ++depth) {
      for (const int64_t taps : {1, 9}) {
        RandomProduct product({7, 40, taps, depth}, random);
        product.product().zero = -128 + static_cast<int32_t>(depth);
        ASSERT_TRUE(products_are_equal(table, product, 0, 3)) << taps << " taps, depth " << depth;
      }
    }
  });
}

TEST(ProductKernels, BoundsOfTheCodes) {
  for_each_table([](const Table& table) {
    Random random(53);
    for (int low = -128; low <= 127; low += 17) {
      for (int high = low; high <= 127; high += 23) {
        RandomProduct product({13, 20, 1, 12}, random);
        product.product().low = static_cast<float>(low);
        product.product().high = static_cast<float>(high);
        ASSERT_TRUE(products_are_equal(table, product, 0, 0)) << low << " to " << high;
      }
    }
  });
}

// Sums at the ends of 32 bits, where a processor that saturates instead of adding would be seen.
TEST(ProductKernels, TheLargestSums) {
  for_each_table([](const Table& table) {
    for (const int code : {-128, 127}) {
      for (const int weight : {-128, 127}) {
        const int64_t depth = 65536;
        std::vector<int8_t> codes(depth, static_cast<int8_t>(code));
        std::vector<int8_t> weights(depth, static_cast<int8_t>(weight));
        std::vector<int8_t> packed(packed_size(1, 1, depth));
        reference::pack_weights(weights.data(), 1, 1, depth, packed.data());
        std::vector<int32_t> sums(kPanelChannels, static_cast<int32_t>(weight * depth));
        const std::vector<float> factor(kPanelChannels, 1.0F), shift(kPanelChannels, 0.0F);
        const Product product{packed.data(), 1,    depth, 1, -code, sums.data(), factor.data(),
                              shift.data(),  -128, 127};
        const int8_t* row = codes.data();
        float value = 1;
        table.products.product_values(&row, 1, product, &value, 1);
        EXPECT_EQ(value, 0.0F) << code << " " << weight;
        Product plain = product;
        plain.zero = 0;
        table.products.product_values(&row, 1, plain, &value, 1);
        EXPECT_EQ(value, static_cast<float>(code) * static_cast<float>(weight) *
                             static_cast<float>(depth));
      }
    }
  });
}

// Half to even, and the sum that no float holds is rounded to one before it is used.
TEST(ProductKernels, Rounding) {
  for_each_table([](const Table& table) {
    const std::vector<int8_t> codes = {1, 2, 3, 5, 7};
    std::vector<int8_t> packed(packed_size(1, 1, 1));
    const int8_t weight = 1;
    reference::pack_weights(&weight, 1, 1, 1, packed.data());
    const std::vector<int32_t> sums(kPanelChannels, 1);
    const std::vector<float> factor(kPanelChannels, 0.5F), shift(kPanelChannels, 0.0F);
    const Product product{packed.data(), 1,    1,  1, 0, sums.data(), factor.data(),
                          shift.data(),  -128, 127};
    std::vector<const int8_t*> rows;
    for (const int8_t& code : codes)
      rows.push_back(&code);
    std::vector<int8_t> results(codes.size());
    table.products.product_codes(rows.data(), static_cast<int64_t>(rows.size()), product,
                                 results.data(), 1);
    EXPECT_EQ(results, (std::vector<int8_t>{0, 1, 2, 2, 4}));
  });
}

TEST(ProductKernels, Depthwise) {
  struct Shape {
    int64_t height, width, stride, dilation;
  };
  for_each_table([](const Table& table) {
    Random random(54);
    for (int64_t channels = 1; channels <= 150; ++channels) {
      for (const Shape& shape : std::vector<Shape>{{1, 1, 1, 1},
                                                   {3, 1, 1, 1},
                                                   {64, 1, 1, 1},
                                                   {1, 64, 2, 1},
                                                   {3, 3, 1, 1},
                                                   {3, 3, 2, 1},
                                                   {5, 5, 1, 1},
                                                   {5, 5, 2, 1},
                                                   {3, 3, 3, 1},
                                                   {3, 3, 1, 2},
                                                   {9, 5, 1, 1},
                                                   {2, 2, 2, 1}}) {
        const Lines lines{1 + static_cast<int64_t>(random() % 3),
                          static_cast<int64_t>(random() % 12),
                          shape.height,
                          shape.width,
                          shape.stride,
                          shape.dilation};
        RandomDepthwise product(lines, channels, random);
        product.product().zero = static_cast<int32_t>(random() % 257) - 128;
        product.product().low = -100;
        ASSERT_TRUE(depthwise_products_are_equal(table, product, channels % 3, kAtEnd))
            << channels << " channels, " << shape.height << " x " << shape.width << " taps, stride "
            << shape.stride << ", dilation " << shape.dilation << ", " << lines.results
            << " windows";
      }
    }
  });
}

// Values that no integer of 32 bits holds go to the bounds too.
TEST(ProductKernels, DepthwiseBeyondIntegers) {
  for_each_table([](const Table& table) {
    Random random(55);
    for (const int64_t size : {3, 5}) {
      for (const float scale : {1e6F, -1e6F, 1e30F, 3e38F}) {
        const Lines lines{2, 9, size, size, 1, 1};
        RandomDepthwise product(lines, 150, random);
        const std::vector<float> factor(static_cast<size_t>(round_up(150, kPanelChannels)), scale);
        product.product().factor = factor.data();
        product.product().low = -100;
        product.product().high = 90;
        ASSERT_TRUE(depthwise_products_are_equal(table, product, 0, 0)) << size << " " << scale;
      }
    }
  });
}

TEST(ProductKernels, PackedWeights) {
  std::vector<int8_t> weights(static_cast<size_t>(3 * 2 * 5));
  for (size_t i = 0; i < weights.size(); ++i)
    weights[i] = static_cast<int8_t>(i + 1);
  std::vector<int8_t> packed(packed_size(3, 2, 5));
  ASSERT_EQ(packed.size(), 16U * 2 * 8);
  reference::pack_weights(weights.data(), 3, 2, 5, packed.data());
  EXPECT_EQ(packed[0], 1);                // channel 0, tap 0, depth 0
  EXPECT_EQ(packed[3], 4);                // depth 3
  EXPECT_EQ(packed[4], 11);               // channel 1
  EXPECT_EQ(packed[64], 5);               // channel 0, depth 4
  EXPECT_EQ(packed[65], 0);               // no depth 5
  EXPECT_EQ(packed[128], 6);              // tap 1
  EXPECT_EQ(packed[2 * 64 + 8 + 1], 27);  // channel 2, tap 1, depth 1
  EXPECT_EQ(packed[12], 0);               // no channel 3
}

}  // namespace
}  // namespace ff::kernels
