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

/// Random weights and rows. All memory ends against a page that cannot be touched, each row too.
class RandomProduct {
 public:
  RandomProduct(const ProductSizes& sizes, Random& random, bool is_depthwise = false)
      : sizes_(sizes),
        weights_(sizes.channels * sizes.taps * sizes.depth, 0),
        packed_(packed_size(sizes.channels, sizes.taps, sizes.depth), kAtEnd),
        sums_(round_up(sizes.channels, kPanelChannels), kAtEnd),
        factor_(sums_.size(), kAtEnd),
        shift_(sums_.size(), kAtEnd),
        codes_(sizes.rows * sizes.taps * (is_depthwise ? sizes.channels : sizes.depth), kAtEnd) {
    for (Buffer<int8_t>* bytes : {&weights_, &codes_}) {
      for (int64_t i = 0; i < bytes->size(); ++i)
        (*bytes)[i] = static_cast<int8_t>(random());
    }
    // The taps are as the depth then; packed_ is large enough.
    reference::pack_weights(weights_.data(), sizes.channels, is_depthwise ? 1 : sizes.taps,
                            is_depthwise ? sizes.taps : sizes.depth, packed_.data());
    const int64_t row = sizes.taps * sizes.depth;
    for (int64_t c = 0; c < sums_.size(); ++c) {
      sums_[c] = 0;
      for (int64_t i = 0; c < sizes.channels && i < row; ++i)
        sums_[c] += weights_[c * row + i];
      // Results are spread over the grid and a little beyond.
      factor_[c] = static_cast<float>(150.0 / (74.0 * 74.0 * (1.0 + static_cast<double>(row))));
      shift_[c] = static_cast<float>(static_cast<int>(random() % 2001) - 1000) * 0.0625F;
    }
    const int64_t tap = is_depthwise ? sizes.channels : sizes.depth;
    for (int64_t r = 0; r < sizes.rows * sizes.taps; ++r)
      rows_.push_back(codes_.data() + (sizes.rows * sizes.taps - 1 - r) * tap);
    product_ = {packed_.data(), sizes.taps,     sizes.depth,   sizes.channels, 0,
                sums_.data(),   factor_.data(), shift_.data(), -128,           127};
  }

  Product& product() {
    return product_;
  }

  template <typename T, typename Kernel, typename Reference>
  testing::AssertionResult is_equal(const char* name, Kernel kernel, Reference reference,
                                    int64_t gap, int64_t shift) const {
    const int64_t stride = sizes_.channels + gap;
    const int64_t n = sizes_.rows == 0 ? 0 : (sizes_.rows - 1) * stride + sizes_.channels;
    Buffer<T> got(n, shift), expected(n, 0);
    kernel(rows_.data(), sizes_.rows, product_, got.data(), stride);
    reference(rows_.data(), sizes_.rows, product_, expected.data(), stride);
    return equal_codes(name, got, expected);
  }

 private:
  ProductSizes sizes_;
  Buffer<int8_t> weights_, packed_;
  Buffer<int32_t> sums_;
  Buffer<float> factor_, shift_;
  Buffer<int8_t> codes_;
  std::vector<const int8_t*> rows_;
  Product product_;
};

/// Codes and values of one kind of product.
template <typename Codes, typename Values>
testing::AssertionResult both_are_equal(const RandomProduct& product, const char* name, Codes codes,
                                        Codes reference_codes, Values values,
                                        Values reference_values, int64_t gap, int64_t shift) {
  const testing::AssertionResult result =
      product.is_equal<int8_t>(name, codes, reference_codes, gap, shift);
  return result ? product.is_equal<float>(name, values, reference_values, gap, shift) : result;
}

inline testing::AssertionResult products_are_equal(const Table& table, const RandomProduct& product,
                                                   int64_t gap, int64_t shift) {
  return both_are_equal(product, "product", table.products.product_codes, &reference::product_codes,
                        table.products.product_values, &reference::product_values, gap, shift);
}

inline testing::AssertionResult depthwise_products_are_equal(const Table& table,
                                                             const RandomProduct& product,
                                                             int64_t gap, int64_t shift) {
  return both_are_equal(product, "depthwise", table.products.depthwise_codes,
                        &reference::depthwise_codes, table.products.depthwise_values,
                        &reference::depthwise_values, gap, shift);
}

}  // namespace ff::kernels
