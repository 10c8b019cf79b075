#include "kernels/table.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <type_traits>
#include <vector>

#include "kernels/reference.h"

// Every table of this build and processor against kernels/reference.h, bit for bit. A table of a
// new instruction set is tested here as soon as available_tables() lists it.
namespace {

namespace kernels = ff::kernels;
namespace reference = ff::kernels::reference;

constexpr int64_t kBig = 1000003;
const std::vector<int64_t> kSizes = {0, 1, 2, 5, 8, 9, 16, 17, 31, 33, 64, 65};
constexpr int64_t kMisalignments[] = {0, 1, 3};

/// Memory for n elements that begins `shift` elements after an aligned place, with sentinels
/// around it.
template <typename T>
class Buffer {
 public:
  Buffer(int64_t n, int64_t shift) : n_(n), begin_(kGuard + shift), all_(n + 2 * kGuard + shift) {
    std::memset(static_cast<void*>(all_.data()), kSentinel, all_.size() * sizeof(T));
  }
  T* data() {
    return all_.data() + begin_;
  }
  const T* data() const {
    return all_.data() + begin_;
  }
  /// True if nothing was written before or after the n elements.
  bool guards_stand() const {
    const auto untouched = [&](int64_t from, int64_t to) {
      for (const auto* byte = reinterpret_cast<const unsigned char*>(all_.data() + from);
           byte != reinterpret_cast<const unsigned char*>(all_.data() + to); ++byte) {
        if (*byte != kSentinel)
          return false;
      }
      return true;
    };
    return untouched(0, begin_) && untouched(begin_ + n_, static_cast<int64_t>(all_.size()));
  }
  /// The index of the first element whose bits differ, -1 if there is none. All NaN are one.
  int64_t first_difference(const Buffer& other) const {
    for (int64_t i = 0; i < n_; ++i) {
      const T a = data()[i], b = other.data()[i];
      const bool both_nan = a != a && b != b;
      if (!both_nan && std::memcmp(&a, &b, sizeof(T)) != 0)
        return i;
    }
    return -1;
  }

 private:
  static constexpr int64_t kGuard = 64;
  static constexpr unsigned char kSentinel = 0xa5;
  int64_t n_, begin_;
  std::vector<T> all_;
};

/// Data around the grid, with every special value in it.
template <typename T>
void fill(Buffer<T>& buffer, int64_t n, uint64_t seed) {
  using Limits = std::numeric_limits<T>;
  const T specials[] = {Limits::quiet_NaN(),
                        Limits::infinity(),
                        -Limits::infinity(),
                        T{0},
                        T{-0.0},
                        Limits::denorm_min(),
                        -Limits::min() / 2,
                        Limits::max(),
                        -Limits::max(),
                        T{0.5},
                        T{-1.5},
                        T{2.5}};
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal(0, 40);
  for (int64_t i = 0; i < n; ++i) {
    const uint64_t kind = random() % 4;
    T value = static_cast<T>(normal(random));
    if (kind == 0)
      value = specials[random() % std::size(specials)];
    if (kind == 1)
      value = std::floor(value) + T{0.5};  // halves
    buffer.data()[i] = value;
  }
}

/// Scales and offsets of many sizes; element 0 is the one that stride 0 uses.
template <typename T>
void fill_parameters(Buffer<T>& scale, Buffer<T>& z, int64_t n, uint64_t seed) {
  std::mt19937_64 random(seed);
  for (int64_t i = 0; i < n; ++i) {
    scale.data()[i] =
        std::ldexp(static_cast<T>(1 + random() % 1000) / 500, static_cast<int>(random() % 12) - 8);
    z.data()[i] = static_cast<T>(static_cast<int64_t>(random() % 300) - 150);
  }
  if (seed % 3 == 0)
    scale.data()[0] = std::numeric_limits<T>::denorm_min();
}

template <typename T, typename Code>
auto quantize_of(const kernels::Entries<T>& entries) {
  if constexpr (sizeof(Code) == 1)
    return entries.quantize_int8;
  else
    return entries.quantize_int16;
}
template <typename T, typename Code>
auto dequantize_of(const kernels::Entries<T>& entries) {
  if constexpr (sizeof(Code) == 1)
    return entries.dequantize_int8;
  else
    return entries.dequantize_int16;
}

template <typename Body>
void for_each_table(const Body& body) {
  const kernels::TableList list = kernels::available_tables();
  for (int i = 0; i < list.size; ++i) {
    SCOPED_TRACE(std::string("table ") + list.tables[i]->isa);
    body(*list.tables[i]);
  }
}

template <typename T, typename Code>
void check_quantize(const kernels::Table& table, int64_t n, int64_t shift, int64_t stride,
                    int num_bits) {
  const uint64_t seed = static_cast<uint64_t>(n * 31 + shift * 7 + stride + num_bits);
  SCOPED_TRACE("quantize n=" + std::to_string(n) + " shift=" + std::to_string(shift) +
               " stride=" + std::to_string(stride) + " bits=" + std::to_string(num_bits) +
               " seed=" + std::to_string(seed));
  Buffer<T> data(n, shift), scale(n * stride + 1, shift), z(n * stride + 1, 0);
  fill(data, n, seed);
  fill_parameters(scale, z, n * stride + 1, seed);
  const T low = -std::ldexp(T{1}, num_bits - 1), high = -low - 1;
  Buffer<Code> got(n, shift), expected(n, shift);
  quantize_of<T, Code>(kernels::entries<T>(table))(data.data(), got.data(), n, scale.data(),
                                                   z.data(), stride, low, high);
  reference::quantize<T, Code>(data.data(), expected.data(), n, scale.data(), z.data(), stride, low,
                               high);
  const int64_t bad = got.first_difference(expected);
  ASSERT_EQ(bad, -1) << "data " << data.data()[bad] << " gives " << int{got.data()[bad]}
                     << ", the reference " << int{expected.data()[bad]};
  EXPECT_TRUE(got.guards_stand());
}

template <typename T, typename Code>
void check_dequantize(const kernels::Table& table, int64_t n, int64_t shift, int64_t stride) {
  const uint64_t seed = static_cast<uint64_t>(n * 37 + shift * 5 + stride);
  SCOPED_TRACE("dequantize n=" + std::to_string(n) + " shift=" + std::to_string(shift) +
               " stride=" + std::to_string(stride) + " seed=" + std::to_string(seed));
  Buffer<Code> codes(n, shift);
  std::mt19937_64 random(seed);
  for (int64_t i = 0; i < n; ++i)
    codes.data()[i] = static_cast<Code>(random());
  Buffer<T> scale(n * stride + 1, 0), z(n * stride + 1, shift), got(n, shift), expected(n, shift);
  fill_parameters(scale, z, n * stride + 1, seed);
  dequantize_of<T, Code>(kernels::entries<T>(table))(codes.data(), got.data(), n, scale.data(),
                                                     z.data(), stride);
  reference::dequantize<T, Code>(codes.data(), expected.data(), n, scale.data(), z.data(), stride);
  const int64_t bad = got.first_difference(expected);
  ASSERT_EQ(bad, -1) << "code " << int{codes.data()[bad]} << " gives " << got.data()[bad]
                     << ", the reference " << expected.data()[bad];
  EXPECT_TRUE(got.guards_stand());
}

template <typename T>
void check_backward(const kernels::Table& table, int64_t n, int64_t shift, bool finite) {
  const uint64_t seed = static_cast<uint64_t>(n * 41 + shift * 3) + finite;
  SCOPED_TRACE("backward n=" + std::to_string(n) + " shift=" + std::to_string(shift) +
               " seed=" + std::to_string(seed));
  Buffer<T> data(n, shift), gradient(n, 0), got(n, shift), expected(n, shift);
  Buffer<T> scale(1, 0), z(1, 0);
  fill(data, n, seed);
  fill(gradient, n, seed + 1);
  fill_parameters(scale, z, 1, 1);
  // Of so different sizes that sums in another order round otherwise, in double too.
  std::mt19937_64 random(seed);
  for (int64_t i = 0; finite && i < n; ++i) {
    gradient.data()[i] = std::ldexp(static_cast<T>(static_cast<int64_t>(random() % 2001) - 1000),
                                    static_cast<int>(random() % 80) - 40);
  }
  Buffer<double> got_sums(2, 0), expected_sums(2, 0);
  kernels::entries<T>(table).backward(data.data(), gradient.data(), got.data(), n, *scale.data(),
                                      *z.data(), -128, 127, got_sums.data());
  reference::backward<T>(data.data(), gradient.data(), expected.data(), n, *scale.data(), *z.data(),
                         -128, 127, expected_sums.data());
  EXPECT_EQ(got.first_difference(expected), -1);
  EXPECT_EQ(got_sums.first_difference(expected_sums), -1)
      << got_sums.data()[0] << " " << got_sums.data()[1] << ", the reference "
      << expected_sums.data()[0] << " " << expected_sums.data()[1];
  EXPECT_TRUE(got.guards_stand());
  EXPECT_TRUE(got_sums.guards_stand());
}

template <typename T>
class Table : public testing::Test {};
using Types = testing::Types<float, double>;
TYPED_TEST_SUITE(Table, Types);

TYPED_TEST(Table, QuantizeEqualsTheReference) {
  for_each_table([](const kernels::Table& table) {
    for (const int64_t n : kSizes) {
      for (const int64_t shift : kMisalignments) {
        for (const int64_t stride : {0, 1, 3}) {
          check_quantize<TypeParam, int8_t>(table, n, shift, stride, 8);
          check_quantize<TypeParam, int8_t>(table, n, shift, stride, 1);
          check_quantize<TypeParam, int8_t>(table, n, shift, stride, 4);
          check_quantize<TypeParam, int16_t>(table, n, shift, stride, 16);
          check_quantize<TypeParam, int16_t>(table, n, shift, stride, 9);
        }
      }
    }
  });
}

TYPED_TEST(Table, DequantizeEqualsTheReference) {
  for_each_table([](const kernels::Table& table) {
    for (const int64_t n : kSizes) {
      for (const int64_t shift : kMisalignments) {
        for (const int64_t stride : {0, 1, 3}) {
          check_dequantize<TypeParam, int8_t>(table, n, shift, stride);
          check_dequantize<TypeParam, int16_t>(table, n, shift, stride);
        }
      }
    }
  });
}

TYPED_TEST(Table, BackwardEqualsTheReference) {
  for_each_table([](const kernels::Table& table) {
    for (const int64_t n : kSizes) {
      for (const int64_t shift : kMisalignments) {
        check_backward<TypeParam>(table, n, shift, /*finite=*/true);
        check_backward<TypeParam>(table, n, shift, /*finite=*/false);
      }
    }
    check_backward<TypeParam>(table, kernels::kSumBlock, 1, true);
  });
}

TYPED_TEST(Table, ManyElementsEqualTheReference) {
  for_each_table([](const kernels::Table& table) {
    check_quantize<TypeParam, int8_t>(table, kBig, 1, 0, 8);
    check_quantize<TypeParam, int16_t>(table, kBig, 0, 1, 16);
    check_dequantize<TypeParam, int8_t>(table, kBig, 1, 1);
  });
}

TEST(TableChoice, FindsATableByItsName) {
  for_each_table(
      [](const kernels::Table& table) { EXPECT_EQ(kernels::find_table(table.isa), &table); });
  EXPECT_EQ(kernels::find_table("sse9"), nullptr);
  EXPECT_EQ(kernels::find_table("SCALAR"), nullptr);
}

TEST(TableChoice, TheFirstIsTheBestAndTheLastIsTheReference) {
  const kernels::TableList list = kernels::available_tables();
  ASSERT_GE(list.size, 1);
  EXPECT_EQ(kernels::find_table(nullptr), list.tables[0]);
  EXPECT_EQ(kernels::find_table(""), list.tables[0]);
  EXPECT_STREQ(list.tables[list.size - 1]->isa, "scalar");
}

}  // namespace
