#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "kernels/buffers.h"
#include "kernels/code_equality.h"
#include "kernels/inputs.h"
#include "kernels/reference_product.h"
#include "kernels/table.h"

// Products of a table against reference_product.h.
namespace ff::kernels {

/// Sizes of a product.
struct ProductSizes {
  int64_t rows, channels, taps, depth;
};

/// Random weights, packed, and how their sums become results. All memory ends against a page that
/// cannot be touched.
class RandomWeights {
 public:
  /// [channels, taps, depth]
  RandomWeights(int64_t channels, int64_t taps, int64_t depth, Random& random)
      : weights_(channels * taps * depth, 0),
        packed_(packed_size(channels, taps, depth), kAtEnd),
        sums_(round_up(channels, kPanelChannels), kAtEnd),
        factor_(sums_.size(), kAtEnd),
        shift_(sums_.size(), kAtEnd) {
    for (int64_t i = 0; i < weights_.size(); ++i)
      weights_[i] = static_cast<int8_t>(random());
    reference::pack_weights(weights_.data(), channels, taps, depth, packed_.data());
    const int64_t row = taps * depth;
    for (int64_t c = 0; c < sums_.size(); ++c) {
      sums_[c] = 0;
      for (int64_t i = 0; c < channels && i < row; ++i)
        sums_[c] += weights_[c * row + i];
      // Results are spread over the grid and a little beyond.
      factor_[c] = static_cast<float>(150.0 / (74.0 * 74.0 * (1.0 + static_cast<double>(row))));
      shift_[c] = static_cast<float>(static_cast<int>(random() % 2001) - 1000) * 0.0625F;
    }
  }

  Product product(int64_t taps, int64_t depth, int64_t channels) const {
    return {packed_.data(), taps,           depth,         channels, 0,
            sums_.data(),   factor_.data(), shift_.data(), -128,     127};
  }

 private:
  Buffer<int8_t> weights_, packed_;
  Buffer<int32_t> sums_;
  Buffer<float> factor_, shift_;
};

/// Random codes of `rows` rows, each of which ends against the next one, the last against a page
/// that cannot be touched.
class RandomRows {
 public:
  RandomRows(int64_t rows, int64_t row, Random& random) : codes_(rows * row, kAtEnd) {
    for (int64_t i = 0; i < codes_.size(); ++i)
      codes_[i] = static_cast<int8_t>(random());
    for (int64_t r = 0; r < rows; ++r)
      rows_.push_back(codes_.data() + (rows - 1 - r) * row);
  }
  const int8_t* const* data() const {
    return rows_.data();
  }

 private:
  Buffer<int8_t> codes_;
  std::vector<const int8_t*> rows_;
};

/// Compares what run(kernel, results, stride) and the same of the reference write to `rows` rows of
/// `channels` results, `gap` apart.
template <typename T, typename Kernel, typename Run>
testing::AssertionResult results_are_equal(const char* name, Kernel kernel, Kernel reference,
                                           const Run& run, int64_t rows, int64_t channels,
                                           int64_t gap, int64_t shift) {
  const int64_t stride = channels + gap;
  const int64_t n = rows == 0 ? 0 : (rows - 1) * stride + channels;
  Buffer<T> got(n, shift), expected(n, 0);
  run(kernel, got.data(), stride);
  run(reference, expected.data(), stride);
  return equal_codes(name, got, expected);
}

/// A product of random rows.
class RandomProduct {
 public:
  RandomProduct(const ProductSizes& sizes, Random& random)
      : sizes_(sizes),
        weights_(sizes.channels, sizes.taps, sizes.depth, random),
        rows_(sizes.rows * sizes.taps, sizes.depth, random),
        product_(weights_.product(sizes.taps, sizes.depth, sizes.channels)) {}

  Product& product() {
    return product_;
  }
  template <typename T, typename Kernel>
  testing::AssertionResult is_equal(const char* name, Kernel kernel, Kernel reference, int64_t gap,
                                    int64_t shift) const {
    return results_are_equal<T>(
        name, kernel, reference,
        [this](Kernel compute, T* results, int64_t stride) {
          compute(rows_.data(), sizes_.rows, product_, results, stride);
        },
        sizes_.rows, sizes_.channels, gap, shift);
  }

 private:
  ProductSizes sizes_;
  RandomWeights weights_;
  RandomRows rows_;
  Product product_;
};

/// A product of each channel by itself, over random lines.
class RandomDepthwise {
 public:
  RandomDepthwise(const Lines& lines, int64_t channels, Random& random)
      : lines_(lines),
        channels_(channels),
        weights_(channels, lines.width, lines.height, random),
        columns_(lines.count * lines.columns() * lines.height, channels, random),
        product_(weights_.product(lines.width * lines.height, 1, channels)) {
    // As if what comes next were the same again.
    lines_.next = columns_.data();
    lines_.next_count = lines_.count;
  }

  Product& product() {
    return product_;
  }
  template <typename T, typename Kernel>
  testing::AssertionResult is_equal(const char* name, Kernel kernel, Kernel reference, int64_t gap,
                                    int64_t shift) const {
    return results_are_equal<T>(
        name, kernel, reference,
        [this](Kernel compute, T* results, int64_t stride) {
          compute(columns_.data(), lines_, product_, results, stride);
        },
        lines_.count * lines_.results, channels_, gap, shift);
  }

 private:
  Lines lines_;
  int64_t channels_;
  RandomWeights weights_;
  RandomRows columns_;
  Product product_;
};

/// Codes and values of one kind of product.
template <typename Random, typename Codes, typename Values>
testing::AssertionResult both_are_equal(const Random& product, const char* name, Codes codes,
                                        Codes reference_codes, Values values,
                                        Values reference_values, int64_t gap, int64_t shift) {
  const testing::AssertionResult result =
      product.template is_equal<int8_t>(name, codes, reference_codes, gap, shift);
  return result ? product.template is_equal<float>(name, values, reference_values, gap, shift)
                : result;
}

inline testing::AssertionResult products_are_equal(const Table& table, const RandomProduct& product,
                                                   int64_t gap, int64_t shift) {
  return both_are_equal(product, "product", table.products.product_codes, &reference::product_codes,
                        table.products.product_values, &reference::product_values, gap, shift);
}

inline testing::AssertionResult depthwise_products_are_equal(const Table& table,
                                                             const RandomDepthwise& product,
                                                             int64_t gap, int64_t shift) {
  return both_are_equal(product, "depthwise", table.products.depthwise_codes,
                        &reference::depthwise_codes, table.products.depthwise_values,
                        &reference::depthwise_values, gap, shift);
}

}  // namespace ff::kernels
