#pragma once

#include "fastforward/model/coverage.h"
#include "model/binding.h"

namespace ff::model {

/// What the program does with each call, by the quantizers that are there now.
Coverage coverage_of(const Program& program, const Binding& binding);

}  // namespace ff::model
