#pragma once

#include <cstdint>
#include <optional>

#include "model/call_graph.h"

namespace ff::model {

/// Where a weight comes from: the parameter, maybe behind t() and the like.
struct WeightRoot {
  /// The parameter, or what is computed of parameters.
  ValueId value;
  /// The call that reads it first, and its operand.
  Reader reader;
  /// Its axis of the output channels, if there is one.
  std::optional<int64_t> channel_axis;
  /// True if nobody else reads it, nor what lies between it and the product.
  bool has_one_reader = true;
};

/// True if the operand is a weight of the call: stands in its place, or is a matrix made of
/// parameters.
bool is_weight(const CallGraph& graph, const Reader& reader);

/// Follows a weight of a product, that was `value` in some example, back to its parameter.
WeightRoot weight_root(const CallGraph& graph, const Reader& weight, ValueId value);

}  // namespace ff::model
