#pragma once

#include "kernels/arithmetic.h"
#include "kernels/reference.h"

// Functions of two operands in codes. The norm, as reference.h.
namespace ff::kernels::reference {

template <typename Function>
void combine_codes(const int8_t* a, const int8_t* b, int8_t* codes, int64_t n,
                   const Combination& grids, const Function& function) noexcept {
  for (int64_t i = 0; i < n; ++i) {
    const float x = (static_cast<float>(a[i]) + grids.zero_a) * grids.scale_a;
    const float y = (static_cast<float>(b[i]) + grids.zero_b) * grids.scale_b;
    codes[i] = static_cast<int8_t>(
        code_of(function(x, y), grids.scale, grids.zero, grids.low, grids.high));
  }
}

/// The code of x + y for each of n pairs of codes.
inline void add_codes(const int8_t* a, const int8_t* b, int8_t* codes, int64_t n,
                      const Combination& grids) noexcept {
  combine_codes(a, b, codes, n, grids, [](float x, float y) { return x + y; });
}

/// The code of x * y.
inline void multiply_codes(const int8_t* a, const int8_t* b, int8_t* codes, int64_t n,
                           const Combination& grids) noexcept {
  combine_codes(a, b, codes, n, grids, [](float x, float y) { return x * y; });
}

}  // namespace ff::kernels::reference
