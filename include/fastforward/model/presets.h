#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "fastforward/core/api.h"
#include "fastforward/model/quantization_config.h"

/// Rules for whole models, to begin with.
///
/// Weights: symmetric, one scale for each output channel; with 8 bits from -127 to 127
/// (range_setting::narrow_minmax), as TensorFlow Lite and onnxruntime have them. Activations: one
/// scale and offset for the tensor, ranges by range_setting::running_minmax; values that are never
/// negative, as after relu, use the whole grid above zero. Biases stay float.
namespace ff::presets {

/// Options for a preset of another number of bits.
struct FF_API PresetOptions {
  /// Bits of the weights, 1 to 16; 0 leaves them in float.
  int64_t weight_bits = 8;
  /// Bits of the activations, 1 to 16; 0 leaves them in float.
  int64_t activation_bits = 8;
  /// One scale for each output channel of a weight; false: one for all of it.
  bool per_channel = true;
};

/// Rules for given numbers of bits. Throws c10::ValueError for a number outside 0..16.
FF_API QuantizationConfig with_bits(const PresetOptions& options);

/// 8-bit weights and activations.
FF_API QuantizationConfig w8a8();
/// 4-bit weights, 8-bit activations.
FF_API QuantizationConfig w4a8();
/// 4-bit weights, 16-bit activations.
FF_API QuantizationConfig w4a16();
/// 8-bit weights, 16-bit activations.
FF_API QuantizationConfig w8a16();
/// 8-bit weights, activations in float.
FF_API QuantizationConfig w8();
/// 8-bit weights, 8-bit activations with a scale and offset for each row of the last axis, found
/// at each call (DynamicLinearQuantizer): for language models; no calibration.
FF_API QuantizationConfig w8a8_per_token();

/// Returns a preset by the name of its function, "w8a8", nothing if there is none of that name.
FF_API std::optional<QuantizationConfig> find(const std::string& name);

/// Returns the names of all presets, sorted.
FF_API std::vector<std::string> names();

}  // namespace ff::presets
