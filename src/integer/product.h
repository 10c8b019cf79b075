#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "integer/grid.h"
#include "integer/packed_weight.h"
#include "kernels/product.h"

namespace ff::integer {

/// A product of codes with a constant weight, and what becomes of its sums.
struct Product {
  /// The input's grid.
  Grid input;
  /// The weight.
  std::shared_ptr<const PackedWeight> weight;
  /// One scale, or one for each output channel: float or double, contiguous.
  at::Tensor weight_scales;
  /// For each output channel; undefined if there is none. Float, on the CPU.
  at::Tensor bias;
  /// The result's grid; values without it.
  std::optional<Grid> output;
};

/// Why sums of this product do not fit into 32 bits; empty if they do.
std::string why_too_large(const Product& product);

/// Writes where the codes of `count` rows from `begin` on are, of the first group: rows[r * taps +
/// t] is row begin + r at tap t.
using FindRows = std::function<void(int64_t begin, int64_t count, const int8_t** rows)>;

/// Writes where the codes of `count` lines from `begin` on are, column after column.
using FindColumns = std::function<void(int64_t begin, int64_t count, const int8_t** columns)>;

/// Computes `rows` rows. `results`: int8 codes with an output grid, else float32 values, [rows,
/// channels of all groups], contiguous. Group g reads g * depth codes behind those of the first,
/// but `padding`, which stands for codes that are not there, in its place. The same for any number
/// of threads.
void run_product(const Product& product, int64_t rows, const FindRows& find_rows,
                 const int8_t* padding, const at::Tensor& results);

/// Computes all lines of windows where the convolution is depthwise. `results`: as run_product, a
/// row for each window.
void run_depthwise(const Product& product, const kernels::Lines& lines,
                   const FindColumns& find_columns, const at::Tensor& results);

}  // namespace ff::integer
