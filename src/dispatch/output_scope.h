#pragma once

#include <ATen/core/Tensor.h>

#include <limits>

#include "fastforward/tensor/bound_function.h"

namespace ff::dispatch {

/// What becomes of an operator's result: a bias is added, it is clamped and quantized.
struct WantedOutput {
  /// Quantizes the result; null if nobody does.
  const BoundQuantizationFunction* function = nullptr;
  /// Added to the channels of a product, before it is clamped; undefined if nothing is.
  at::Tensor bias = {};
  /// The result is clamped from here, by a relu that comes behind, say.
  float minimum = -std::numeric_limits<float>::infinity();
  /// To here.
  float maximum = std::numeric_limits<float>::infinity();
  /// Nobody quantizes the result, and one operator reads it, which can do so block by block.
  bool is_read_in_blocks = false;
};

/// What the caller of the next operator in this thread does with its result.
const WantedOutput& wanted_output();

/// Says for the scope what becomes of the result of the operator that is called in it. An
/// implementation that does all of it itself gives a quantized tensor; one that gives values has
/// done nothing of it.
class OutputScope {
 public:
  explicit OutputScope(WantedOutput output);
  ~OutputScope();
  OutputScope(const OutputScope&) = delete;
  OutputScope& operator=(const OutputScope&) = delete;

 private:
  WantedOutput output_;
  const WantedOutput* before_;
};

}  // namespace ff::dispatch
