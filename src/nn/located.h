#pragma once

#include <utility>

#include "core/error.h"
#include "fastforward/nn/quantized_module.h"

namespace ff::nn {

/// Runs a layer's forward and puts the layer's type and path before the text of its errors.
template <typename Body>
decltype(auto) located(const QuantizedModule& layer, Body&& body) {
  return with_location([&] { return layer.describe(); }, std::forward<Body>(body));
}

}  // namespace ff::nn
