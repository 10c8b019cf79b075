#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "model/batch_norm_folding.h"
#include "model/call_graph.h"

namespace ff::model {

/// A place for a quantizer.
struct Place {
  /// What it quantizes.
  enum class Kind {
    kInput,   ///< an input of the model
    kWeight,  ///< a parameter, or what is computed from parameters
    kResult   ///< a result of a call
  };
  /// What it quantizes.
  Kind kind;
  /// The value.
  ValueId value;
  /// The call whose site has it: of a weight the first that uses it, of a result the one that
  /// gives it.
  size_t call;
  /// Of a weight, the axis of the output channels, if there is one.
  std::optional<int64_t> channel_axis;
  /// Where it is quantized: by who reads it, or else where it comes from, once for all.
  std::vector<Reader> readers;
  /// True if the values are zero or more whatever the input is.
  bool is_nonnegative = false;
};

/// What becomes of a call.
struct CallPlan {
  /// True if its results are on the grid of its first operand.
  bool keeps_grid = false;
  /// Operands that are put on a grid for this call, and the places of their quantizers.
  std::vector<std::pair<size_t, size_t>> reads;
  /// Results that are put on a grid, and the places of their quantizers.
  std::vector<std::pair<size_t, size_t>> results;
  /// The fold whose weight this call touches first.
  std::optional<size_t> folded_weight;
  /// The fold whose bias this call takes.
  std::optional<size_t> folded_bias;
  /// The fold that does what this batch norm does.
  std::optional<size_t> folded_norm;
};

/// Where quantizers are.
struct Plan {
  /// The places.
  std::vector<Place> places;
  /// For each call.
  std::vector<CallPlan> calls;
  /// Batch norms that are folded.
  std::vector<BatchNormFold> folds;
  /// For each value, true if some reader wants it on a grid.
  std::vector<bool> wanted;
};

/// What can be chosen.
struct PlanOptions {
  /// Fold batch norms into the products before them.
  bool fold_batch_norms = true;
};

/// Decides where quantizers are. docs/autoquant.md has the rules.
Plan make_plan(const CallGraph& graph, const PlanOptions& options);

/// True if the reader wants its operand on a grid if its own results are.
bool reads_on_grid(const CallGraph& graph, const Reader& reader);

/// True if a value is quantized after the function that follows it, if a function does, because in
/// no example anybody else reads it.
bool can_be_followed(const CallGraph& graph, ValueId value);

}  // namespace ff::model
