#pragma once

#include <string>
#include <vector>

#include "model/integer_plan.h"
#include "model/planner.h"
#include "model/recorder.h"

namespace ff::model {

/// Where a place stands in the tree of the quantized model.
struct PlaceName {
  /// Path of the site, "features.0.conv2d".
  std::string site;
  /// Name of the quantizer in it: "input", "weight", "output".
  std::string name;
};

/// All that autoquantize finds out about a model; it does not change any more.
struct Program {
  /// The calls.
  Recording recording;
  /// What becomes of them.
  Plan plan;
  /// What becomes of them in integers.
  IntegerPlan integers;
  /// Paths of the sites, one for each call.
  std::vector<std::string> call_sites;
  /// One for each place of the plan.
  std::vector<PlaceName> place_names;
};

/// Names everything: a call stands below the module that has its parameters, or, without any, below
/// that of the call whose result it reads first; its name is the operator's, with a number behind
/// it where that is taken.
Program make_program(Recording recording, const PlanOptions& options);

/// The path of the module that a parameter belongs to: "a.b" of "a.b.weight".
std::string owner_path(const std::string& parameter);

}  // namespace ff::model
