#pragma once

namespace ff::kernels {

/// Three grids: of two operands and of the result. For codes a and b,
///
///     x = (a + zero_a) * scale_a,  y = (b + zero_b) * scale_b
///     code = clamp(round_half_even(f(x, y) / scale - zero), low, high), NaN taken as value 0
///
/// in float32, f being a sum or a product.
struct Combination {
  float scale_a, zero_a;
  float scale_b, zero_b;
  float scale, zero;
  float low, high;
};

}  // namespace ff::kernels
