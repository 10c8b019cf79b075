#pragma once

#include <limits>

#include "fastforward/tensor/bound_function.h"

namespace ff::dispatch {

/// What becomes of an operator's result: it is clamped and quantized.
struct WantedOutput {
  /// Quantizes the result; null if nobody does.
  const BoundQuantizationFunction* function = nullptr;
  /// The result is clamped from here, by a relu that comes behind, say.
  float minimum = -std::numeric_limits<float>::infinity();
  /// To here.
  float maximum = std::numeric_limits<float>::infinity();
};

/// What the caller of the next operator in this thread does with its result.
const WantedOutput& wanted_output();

/// Says for the scope what becomes of the result of the operator that is called in it. An
/// implementation that does it itself gives a quantized tensor.
class OutputScope {
 public:
  explicit OutputScope(const WantedOutput& output);
  ~OutputScope();
  OutputScope(const OutputScope&) = delete;
  OutputScope& operator=(const OutputScope&) = delete;

 private:
  WantedOutput before_;
};

}  // namespace ff::dispatch
