#pragma once

#include <stdint.h>

namespace ff::kernels {

/// `rows` * `columns` elements one after another in memory, and where the parameters of each lie:
/// element i of row r uses parameter r * row_stride + i * column_stride.
struct Panel {
  int64_t rows;
  int64_t columns;
  int64_t row_stride;
  int64_t column_stride;
};

/// n elements that share one parameter.
constexpr Panel uniform_panel(int64_t n) {
  return {1, n, 0, 0};
}

}  // namespace ff::kernels
