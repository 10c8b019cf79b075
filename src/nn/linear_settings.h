#pragma once

#include <vector>

#include "fastforward/nn/quantizer_type.h"

namespace ff::nn {

/// The types that are known from the start.
std::vector<QuantizerType> builtin_quantizer_types();

}  // namespace ff::nn
