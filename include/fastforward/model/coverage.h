#pragma once

#include <cstdint>
#include <iosfwd>
#include <map>
#include <string>
#include <vector>

#include "fastforward/core/api.h"

namespace ff {

/// What is quantized of one call of an operator.
struct FF_API CallCoverage {
  /// Path of its site, "features.0.conv2d".
  std::string site;
  /// The operator, "aten::conv2d".
  std::string op;
  /// Shape of its first result in the first example.
  std::vector<int64_t> shape;
  /// How its weight is quantized, "8 bits PerChannel(0)"; empty if it has no weight.
  std::string weight;
  /// How its operands come: "inputs.0", "on the grid of a.relu", "float"; one for each operand that
  /// counts.
  std::vector<std::string> operands;
  /// How its result is quantized, empty if it is not here.
  std::string result;
  /// Why the result, or the call, is not quantized.
  std::string reason;
  /// True if all that its integer form needs is on a grid.
  bool is_quantized = false;
  /// How it ran in integers (QuantizedModelImpl::to_integer): "codes", or "float: " and why;
  /// empty if it did not run.
  std::string integers;
};

/// All calls of a model, quantized or not, with the reasons.
struct FF_API Coverage {
  /// In the order in which the examples ran them.
  std::vector<CallCoverage> calls;
  /// Operators whose calls no example showed, which ran in float, and how often.
  std::map<std::string, int64_t> unseen;

  /// The number of calls that are quantized.
  size_t quantized() const;
  /// Returns {"calls": [{"site": ..., "operator": ..., "shape": [...], "weight": ...,
  /// "operands": [...], "result": ..., "quantized": ..., "reason": ..., "integers": ...}],
  /// "unseen": {...}}.
  std::string to_json() const;
};

/// Writes an aligned table, and the unseen calls below.
FF_API std::ostream& operator<<(std::ostream& stream, const Coverage& coverage);

}  // namespace ff
