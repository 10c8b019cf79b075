#pragma once

#include <memory>

#include "core/json.h"
#include "fastforward/range_setting/estimator.h"

namespace ff::storage {

/// Reads an estimator: {"name": "mse_grid", "num_candidates": 50}. docs/configuration.md has the
/// names and their settings. Throws json::Error, with the place, for anything else.
std::shared_ptr<range_setting::RangeEstimator> read_estimator(const json::Value& value);

}  // namespace ff::storage
