#pragma once

#include <torch/nn/module.h>

#include <string>

#include "fastforward/core/api.h"
#include "fastforward/nn/quantizer.h"

namespace ff::nn {

/// Puts `quantizer` in the place of the quantizer that is the child `name` of `parent`.
///
/// `parent` is a QuantizedModule, or a torch::nn::Sequential, ModuleList or ModuleDict. Where
/// `quantizer` has no metadata of its own it takes that of the replaced one, and its path where it
/// has none. Overrides stay with the replaced one. One quantizer may stand in several places; they
/// share it then.
///
/// Throws c10::ValueError if `quantizer` is empty or `parent` has no such child, c10::TypeError if
/// the child is no quantizer, or `parent` is of another type: a member of it could still hold the
/// replaced quantizer and run it.
FF_API void replace_quantizer(torch::nn::Module& parent, const std::string& name,
                              Quantizer quantizer);

}  // namespace ff::nn
