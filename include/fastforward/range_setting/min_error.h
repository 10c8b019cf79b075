#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <memory>

#include "fastforward/core/api.h"
#include "fastforward/range_setting/estimator.h"

namespace ff::range_setting {

/// Returns the error of each tile, [tiles], from quantized-dequantized and original data, [tiles,
/// elements] each.
using ErrorFunction =
    std::function<at::Tensor(const at::Tensor& quantized, const at::Tensor& original)>;

/// The ranges that are tried: min and max, [candidates, tiles] each.
struct FF_API SearchGrid {
  /// The lower thresholds.
  at::Tensor min;
  /// The upper thresholds.
  at::Tensor max;
};

/// Makes the ranges to try from the first batch, as rows [tiles, elements].
using SearchGridGenerator =
    std::function<SearchGrid(const at::Tensor& rows, bool symmetric, int64_t num_candidates)>;

/// Says after batch `step` (1, 2, ...) whether the quantizer gets the best range so far.
using UpdatePolicy = std::function<bool(int64_t step)>;

/// Mean squared error of each tile.
FF_API at::Tensor mse_error(const at::Tensor& quantized, const at::Tensor& original);

/// Evenly spaced candidates within the first batch's range, widened by margins: max_d = relative *
/// max + absolute, min_d = relative * min - absolute, for each tile.
///
/// No min_d below zero in any tile: [0, k/n * max_d]. Symmetric: [-k/n * m, k/n * m], m =
/// max(|min_d|, |max_d|). Else all pairs of floor(sqrt(n)) minima from relative * min_d + absolute
/// down to 0.6 of it and n - floor(sqrt(n))^2 + floor(sqrt(n)) maxima likewise; where n is no
/// square these are more than n, and all are tried. Source: FastForward's uniform_search_grid,
/// which makes as many but tries only n of them.
FF_API SearchGridGenerator uniform_search_grid(double absolute_margin = 0.5,
                                               double relative_margin = 1.0);

/// Options for min_error_grid.
struct FF_API MinErrorGridOptions {
  /// What is minimized; a smaller error is better.
  ErrorFunction error_function = mse_error;
  /// How many ranges are tried, at least 1.
  int64_t num_candidates = 100;
  /// Which ranges are tried.
  SearchGridGenerator search_grid_generator = uniform_search_grid();
  /// When the quantizer gets the best range; by default after every batch.
  UpdatePolicy update_range_policy = nullptr;
  /// See EstimatorOptions.
  bool disable_quantization = false;
  /// See EstimatorOptions.
  bool skip_unsupported = false;
};

/// For each tile the range of a grid with the least error, summed over all batches; the first one
/// of equal ones.
///
/// Quantizers must implement SupportsRangeBasedOperator. The grid is made from the first batch.
/// Source: FastForward's MinErrorGridRangeEstimator.
FF_API std::shared_ptr<RangeEstimator> min_error_grid(const MinErrorGridOptions& options = {});

/// min_error_grid with the mean squared error, unless the options say otherwise.
FF_API std::shared_ptr<RangeEstimator> mse_grid(const MinErrorGridOptions& options = {});

}  // namespace ff::range_setting
