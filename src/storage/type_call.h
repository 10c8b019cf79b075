#pragma once

#include <c10/util/Exception.h>

#include <map>
#include <new>
#include <string>

#include "core/error.h"
#include "fastforward/nn/quantizer_type.h"

namespace ff::storage {

/// Runs functions of quantizer types, which may be anybody's. Whatever error they throw, memory
/// apart, becomes a c10::ValueError with "where: " before its text.
template <typename Body>
decltype(auto) call_type(const std::string& where, Body&& body) {
  try {
    return body();
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception& error) {
    TORCH_CHECK_VALUE(false, where, ": ", error_text(error));
  }
}

/// The parameters and buffers of a quantizer, by name.
nn::QuantizerTensors tensors_of(const nn::QuantizerImpl& quantizer);

}  // namespace ff::storage
