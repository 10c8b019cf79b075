#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>
#include <vector>

#include "fastforward/core/api.h"
#include "fastforward/core/progress.h"
#include "fastforward/model/autoquantize.h"
#include "fastforward/model/quantized_model.h"

namespace ff {

/// How far integers are from the simulation at one site.
struct FF_API SiteParity {
  /// Path of the site, "features.0.conv2d".
  std::string site;
  /// The operator, "aten::conv2d".
  std::string op;
  /// Codes that were compared; none where integers give values, which nobody quantizes.
  int64_t codes = 0;
  /// Codes that were equal.
  int64_t equal = 0;
  /// The largest difference of two codes.
  int64_t largest = 0;
  /// 10 log10(sum(simulated^2) / sum((simulated - integer)^2)) of the values, infinite where all
  /// codes are equal.
  double sqnr = 0;
  /// True if operators in integers took part: between the operands that were equal in both ways and
  /// this result.
  bool is_integer = false;

  /// equal / codes, one without codes.
  double share() const;
};

/// How far integers are from the simulation.
struct FF_API Parity {
  /// Fed equal operands: for each site whose result is on a grid, or that ran in integers, in the
  /// order of the model.
  std::vector<SiteParity> sites;
  /// End to end: the outputs' signal to noise ratio, in decibels, infinite for equal ones.
  double sqnr = 0;
  /// End to end: the largest difference of two elements of the outputs.
  double largest = 0;

  /// Codes of the sites in integers.
  int64_t codes() const;
  /// How many of them were equal.
  int64_t equal() const;
  /// Returns {"sites": [{"site": ..., "operator": ..., "codes": ..., "equal": ..., "largest": ...,
  /// "sqnr": ..., "integers": ...}], "sqnr": ..., "largest": ...}; infinities are null.
  std::string to_json() const;
};

/// Writes an aligned table, and the outputs' difference below.
FF_API std::ostream& operator<<(std::ostream& stream, const Parity& parity);

/// Options for parity.
struct FF_API ParityOptions {
  /// Told after each batch.
  Progress progress = nullptr;
};

/// Compares a calibrated model in integers with its simulation, on the same batches.
///
///     std::cout << ff::parity(quantized, batches);
///
/// Site by site both are fed what the simulation gave before, so that no site sees another one's
/// difference; then each batch runs in both ways from end to end. In eval mode, without gradients;
/// the model's own to_integer() does not matter and stays. Inputs stay as they are, and parameters
/// and buffers too; a state that the model keeps elsewhere does not. Keeps the values of one batch.
/// Throws
/// c10::ValueError without a batch, and what the model throws.
FF_API Parity parity(QuantizedModel& model, const Examples& batches,
                     const ParityOptions& options = {});

}  // namespace ff
