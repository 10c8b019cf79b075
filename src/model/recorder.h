#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "fastforward/model/float_model.h"
#include "model/call_graph.h"
#include "model/tracker.h"

namespace ff::model {

/// What examples showed of a model.
struct Recording {
  /// The calls.
  CallGraph graph;
  /// Values of the model's parameters and buffers by name, and those of captured tensors.
  std::unordered_map<std::string, ValueId> parameters;
  /// Tensors that are used as weights and no parameters of the model: constants of a frozen
  /// TorchScript file, captures of a function. By name.
  std::vector<std::pair<std::string, at::Tensor>> captured;
  /// True if the model runs operators without gradients that have no derivative, and so others
  /// where a gradient is wanted.
  bool depends_on_grad_mode = false;
};

/// Runs the model once for each example, without gradients, and merges what it runs; once more with
/// gradients if it depends on that. The model's state is put back.
///
/// Throws c10::ValueError without an example, what the model throws, and c10::ValueError if no
/// operator of the model read an input or a parameter.
Recording record(const FloatModel& model, const std::vector<Inputs>& examples);

/// A tensor of the model and the value that it is.
struct ModelValue {
  /// The value.
  ValueId value;
  /// The tensor that it is now.
  at::Tensor tensor;
  /// True for those of Recording::captured, which are values from their first use as a weight on.
  bool is_captured;
};

/// Returns parameters, buffers and captured tensors as they are now.
std::vector<ModelValue> model_values(const FloatModel& model, const Recording& recording);

}  // namespace ff::model
