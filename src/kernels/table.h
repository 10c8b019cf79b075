#pragma once

#include <stdint.h>

#include "kernels/arithmetic.h"
#include "kernels/number.h"
#include "kernels/panel.h"
#include "kernels/product.h"

namespace ff::kernels {

/// Elements of one call of `backward`, `sum_of_squares` and `squared_errors` at most: the fixed
/// block of all sums.
inline constexpr int64_t kSumBlock = 4096;

/// Entry points for numbers T in memory. Contracts: reference.h, with the same names. No pointer
/// may be null, n may be 0.
///
/// `stream`: the results go past the caches to memory. For outputs that are larger than the caches;
/// 1.4 times as fast there (docs/performance.md).
template <typename T>
struct Entries {
  using P = Arithmetic<T>;
  void (*quantize_int8)(const T* data, int8_t* codes, const Panel& panel, const P* scale,
                        const P* z, P low, P high) noexcept;
  void (*quantize_int16)(const T* data, int16_t* codes, const Panel& panel, const P* scale,
                         const P* z, P low, P high) noexcept;
  void (*dequantize_int8)(const int8_t* codes, T* values, const Panel& panel, const P* scale,
                          const P* z, bool stream) noexcept;
  void (*dequantize_int16)(const int16_t* codes, T* values, const Panel& panel, const P* scale,
                           const P* z, bool stream) noexcept;
  void (*fake_quantize)(const T* data, T* values, const Panel& panel, const P* scale, const P* z,
                        P low, P high, bool stream) noexcept;
  void (*backward)(const T* data, const T* gradient, T* data_gradient, int64_t n, P scale, P z,
                   P low, P high, double* sums, bool stream) noexcept;
  bool (*min_max)(const T* data, const Panel& panel, P* min, P* max) noexcept;
  bool (*max_abs)(const T* data, const Panel& panel, P* max) noexcept;
  double (*sum_of_squares)(const T* data, int64_t n) noexcept;
  void (*squared_errors)(const T* data, int64_t n, int64_t candidates, const P* scale, const P* z,
                         P low, P high, double* errors) noexcept;
};

/// Entry points for codes alone.
struct CodeEntries {
  void (*lookup_int8)(const int8_t* codes, const int8_t* table, int8_t* results,
                      int64_t n) noexcept;
  void (*pack_int4)(const int8_t* codes, uint8_t* packed, int64_t n) noexcept;
  void (*unpack_int4)(const uint8_t* packed, int8_t* codes, int64_t n) noexcept;
  int32_t (*sum_below)(const int32_t* numbers, int64_t n, int32_t first, int32_t end,
                       int32_t* sum) noexcept;
};

/// Entry points for functions of two operands in codes. Contracts: reference_arithmetic.h.
struct ArithmeticEntries {
  void (*add_codes)(const int8_t* a, const int8_t* b, int8_t* codes, int64_t n,
                    const Combination& grids) noexcept;
  void (*multiply_codes)(const int8_t* a, const int8_t* b, int8_t* codes, int64_t n,
                         const Combination& grids) noexcept;
};

/// Entry points for products of codes with constant weights. Contracts: reference_product.h.
struct ProductEntries {
  void (*product_codes)(const int8_t* const* rows, int64_t count, const Product& product,
                        int8_t* codes, int64_t stride) noexcept;
  void (*product_values)(const int8_t* const* rows, int64_t count, const Product& product,
                         float* values, int64_t stride) noexcept;
  void (*depthwise_codes)(const int8_t* const* columns, const Lines& lines, const Product& product,
                          int8_t* codes, int64_t stride) noexcept;
  void (*depthwise_values)(const int8_t* const* columns, const Lines& lines, const Product& product,
                           float* values, int64_t stride) noexcept;
};

/// All kernels of one instruction set.
struct Table {
  const char* isa;  // as FF_ISA spells it
  Entries<float> f32;
  Entries<double> f64;
  Entries<Bfloat16> bf16;
  Entries<Float16> f16;
  CodeEntries codes;
  ArithmeticEntries arithmetic;
  ProductEntries products;
};

/// The tables that this build has and this processor runs, best first. The last one is "scalar",
/// the reference.
struct TableList {
  const Table* const* tables;
  int size;
};
TableList available_tables() noexcept;

/// Returns the table named `isa`, the best one if `isa` is null or empty, null if there is none of
/// that name.
const Table* find_table(const char* isa) noexcept;

template <typename T>
inline const Entries<T>& entries(const Table& table);
template <>
inline const Entries<float>& entries<float>(const Table& table) {
  return table.f32;
}
template <>
inline const Entries<double>& entries<double>(const Table& table) {
  return table.f64;
}
template <>
inline const Entries<Bfloat16>& entries<Bfloat16>(const Table& table) {
  return table.bf16;
}
template <>
inline const Entries<Float16>& entries<Float16>(const Table& table) {
  return table.f16;
}

}  // namespace ff::kernels
