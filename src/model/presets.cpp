#include "fastforward/model/presets.h"

#include <c10/util/Exception.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <optional>

#include "fastforward/nn/dynamic_linear_quantizer.h"
#include "fastforward/nn/linear_quantizer.h"
#include "fastforward/range_setting/min_max.h"

namespace ff::presets {
namespace {

constexpr const char* kWeights = "**/[qtag:parameter/weight]";
constexpr const char* kActivations = "**/[qtag:activation]";

// The axis of a weight's output channels: autoquantize says which, or that there is none; in the
// layers of ff::nn it is the first.
std::optional<int64_t> channel_axis(const nn::QuantizerMetadata& metadata) {
  const auto found = metadata.attributes().find("channel_axis");
  if (found == metadata.attributes().end())
    return 0;
  return found->second.isInt() ? std::optional(found->second.toInt()) : std::nullopt;
}

// All axes of an activation but the last one.
std::vector<int64_t> token_axes(const nn::QuantizerMetadata& metadata) {
  const auto dims = metadata.attributes().find("dims");
  std::vector<int64_t> axes(
      dims == metadata.attributes().end() ? 0 : std::max<int64_t>(dims->second.toInt() - 1, 0));
  std::iota(axes.begin(), axes.end(), 0);
  return axes;
}

void add_weights(QuantizationConfig& config, int64_t bits, bool per_channel) {
  constexpr int64_t kNarrowBits = 8;
  config.add_rule<nn::LinearQuantizer>(kWeights,
                                       [bits, per_channel](const nn::QuantizerMetadata& metadata) {
                                         nn::LinearQuantizerOptions options(bits);
                                         options.allow_one_sided(false);
                                         const std::optional<int64_t> axis = channel_axis(metadata);
                                         if (per_channel && axis.has_value())
                                           options.granularity(PerChannel(*axis));
                                         return options;
                                       });
  config.estimate_with(bits == kNarrowBits ? range_setting::narrow_minmax()
                                           : range_setting::running_minmax());
}

void add_activations(QuantizationConfig& config, int64_t bits) {
  config.add_rule<nn::LinearQuantizer>(kActivations, [bits](const nn::QuantizerMetadata& metadata) {
    return nn::LinearQuantizerOptions(bits).symmetric(metadata.attributes().count("nonnegative") !=
                                                      0);
  });
  config.estimate_with(range_setting::running_minmax());
}

void check_bits(const char* what, int64_t bits) {
  constexpr int64_t kMost = 16;
  TORCH_CHECK_VALUE(bits >= 0 && bits <= kMost, "presets::with_bits: ", what, " is ", bits,
                    "; expected 1 to 16, or 0 for float.");
}

}  // namespace

QuantizationConfig with_bits(const PresetOptions& options) {
  check_bits("weight_bits", options.weight_bits);
  check_bits("activation_bits", options.activation_bits);
  QuantizationConfig config;
  if (options.weight_bits > 0)
    add_weights(config, options.weight_bits, options.per_channel);
  if (options.activation_bits > 0)
    add_activations(config, options.activation_bits);
  return config;
}

QuantizationConfig w8a8() {
  return with_bits({.weight_bits = 8, .activation_bits = 8});
}

QuantizationConfig w4a8() {
  return with_bits({.weight_bits = 4, .activation_bits = 8});
}

QuantizationConfig w4a16() {
  return with_bits({.weight_bits = 4, .activation_bits = 16});
}

QuantizationConfig w8a16() {
  return with_bits({.weight_bits = 8, .activation_bits = 16});
}

QuantizationConfig w8() {
  return with_bits({.weight_bits = 8, .activation_bits = 0});
}

QuantizationConfig w8a8_per_token() {
  QuantizationConfig config = w8();
  config.add_rule<nn::DynamicLinearQuantizer>(
      kActivations, [](const nn::QuantizerMetadata& metadata) {
        std::vector<int64_t> axes = token_axes(metadata);
        nn::DynamicLinearQuantizerOptions options(8);
        return axes.empty() ? options : options.granularity(PerChannel(std::move(axes)));
      });
  return config;
}

namespace {

const std::map<std::string, QuantizationConfig (*)()>& all() {
  static const std::map<std::string, QuantizationConfig (*)()> presets = {
      {"w8a8", w8a8},   {"w4a8", w4a8}, {"w4a16", w4a16},
      {"w8a16", w8a16}, {"w8", w8},     {"w8a8_per_token", w8a8_per_token}};
  return presets;
}

}  // namespace

std::optional<QuantizationConfig> find(const std::string& name) {
  const auto found = all().find(name);
  return found == all().end() ? std::nullopt : std::optional(found->second());
}

std::vector<std::string> names() {
  std::vector<std::string> result;
  for (const auto& preset : all())
    result.push_back(preset.first);
  return result;
}

}  // namespace ff::presets
