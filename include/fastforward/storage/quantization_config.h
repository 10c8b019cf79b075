#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "fastforward/core/api.h"
#include "fastforward/model/quantization_config.h"

namespace ff {

/// Reads rules from JSON; docs/configuration.md has its schema.
///
///     {"version": 1,
///      "aliases": {"head": "classifier"},
///      "rules": [
///        {"query": "**/[qtag:parameter/weight]",
///         "quantizer": "LinearQuantizer",
///         "settings": {"num_bits": 4, "granularity": "per_channel", "channel_axes": [0]}},
///        {"query": "&head/**", "quantizer": "QuantizerStub"}]}
///
/// The rules may begin with a preset, "preset": "w8a8" (ff::presets), and a rule may say what
/// estimates ranges, "estimator": "mse_grid" or {"name": "mse_grid", "num_candidates": 50}.
///
/// "quantizer" and "settings" are those of nn::register_quantizer_type. Each rule is tried here: it
/// makes one quantizer. Throws c10::ValueError with `name`, the JSON pointer and what is wrong
/// there: no JSON, an unknown or missing key, a query that is none, an unknown type of quantizer,
/// settings that it refuses, a newer version.
FF_API QuantizationConfig parse_quantization_config(std::string_view text,
                                                    const std::string& name = "rules");

/// Reads rules from a file with the JSON of parse_quantization_config. Throws as that, with the
/// path as the name, and c10::ValueError if the file cannot be read.
///
///     ff::load_quantization_config("w4a8.json").initialize(model);
FF_API QuantizationConfig load_quantization_config(const std::filesystem::path& path);

}  // namespace ff
