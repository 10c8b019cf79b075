#pragma once

#include <stdint.h>

namespace ff::kernels {

/// Elements of one call of `backward` at most: the fixed block of all gradient sums.
inline constexpr int64_t kSumBlock = 4096;

/// Entry points for data of type T. Contracts: reference.h, with the same names. No pointer may be
/// null, n may be 0.
template <typename T>
struct Entries {
  void (*quantize_int8)(const T* data, int8_t* codes, int64_t n, const T* scale, const T* z,
                        int64_t parameter_stride, T low, T high) noexcept;
  void (*quantize_int16)(const T* data, int16_t* codes, int64_t n, const T* scale, const T* z,
                         int64_t parameter_stride, T low, T high) noexcept;
  void (*dequantize_int8)(const int8_t* codes, T* values, int64_t n, const T* scale, const T* z,
                          int64_t parameter_stride) noexcept;
  void (*dequantize_int16)(const int16_t* codes, T* values, int64_t n, const T* scale, const T* z,
                           int64_t parameter_stride) noexcept;
  void (*backward)(const T* data, const T* gradient, T* data_gradient, int64_t n, T scale, T z,
                   T low, T high, double* sums) noexcept;
};

/// All kernels of one instruction set.
struct Table {
  const char* isa;  // as FF_ISA spells it
  Entries<float> f32;
  Entries<double> f64;
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

}  // namespace ff::kernels
