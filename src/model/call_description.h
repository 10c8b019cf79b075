#pragma once

#include "model/call_graph.h"
#include "model/model_run.h"

namespace ff::model {

/// What a call is by its operator and arguments, still without operands and results.
Call describe(const Meeting& meeting);

}  // namespace ff::model
