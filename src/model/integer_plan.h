#pragma once

#include <cstddef>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "model/planner.h"

namespace ff::model {

/// A call, and the calls behind it that only add a bias to its result or clamp it, up to the place
/// where that is quantized, or to an operator that reads it block by block: in integers one
/// operation.
struct Chain {
  /// The quantizer's place; nothing if the result is read block by block.
  std::optional<size_t> place;
  /// What is quantized: the value of the place, or that of a piece of it where a cat comes last.
  ValueId end = kConstant;
  /// A parameter that is added, kConstant if there is none.
  ValueId bias = kConstant;
  /// A fold whose bias is added by no call; nothing if there is none.
  std::optional<size_t> fold_bias;
  /// Folds whose batch norm is in the chain.
  std::vector<size_t> folds;
  /// The result is clamped from here.
  float minimum = -std::numeric_limits<float>::infinity();
  /// To here.
  float maximum = std::numeric_limits<float>::infinity();
};

/// What becomes of a call in integers.
struct IntegerCall {
  /// The chain that begins with it.
  std::optional<Chain> chain;
  /// True if it is part of a chain that begins before it: it hands on an operand that comes in
  /// codes.
  bool is_behind = false;
  /// True if its first result stays in plain values: others look into its memory.
  bool gives_values = false;
  /// Operands that are on the grid of a place, quantized where they are made.
  std::vector<std::pair<size_t, size_t>> grids;
};

/// What becomes of a model in integers.
struct IntegerPlan {
  /// One for each call.
  std::vector<IntegerCall> calls;
  /// For each value that is inside of a chain, the call that reads it; nothing for others.
  std::vector<std::optional<size_t>> inner_readers;
};

/// Finds chains. docs/integers.md has the rules.
IntegerPlan make_integer_plan(const CallGraph& graph, const Plan& plan);

}  // namespace ff::model
