#include "fastforward/storage/quantization_config.h"

#include <c10/util/Exception.h>
#include <c10/util/StringUtil.h>

#include <cstdint>
#include <limits>
#include <new>
#include <optional>
#include <utility>

#include "core/error.h"
#include "core/json.h"
#include "fastforward/model/presets.h"
#include "fastforward/nn/quantizer_type.h"
#include "storage/estimator_format.h"
#include "storage/memory_map.h"
#include "storage/state_value.h"
#include "storage/value_format.h"

namespace ff {
namespace {

constexpr std::int64_t kRulesVersion = 1;

// Runs `make`; its errors are put at `value`.
template <typename Make>
auto at_value(const json::Value& value, const Make& make) {
  try {
    return make();
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception& error) {  // make() may be anybody's
    value.fail(error_text(error));
  }
}

void check_version(const json::Value& root) {
  const json::Value value = root.at("version");
  const std::int64_t version = value.integer(1, std::numeric_limits<std::int64_t>::max());
  if (version > kRulesVersion)
    value.fail("version " + std::to_string(version) + ", but this library reads up to " +
               std::to_string(kRulesVersion));
}

mpath::Selector read_query(const json::Value& value, const mpath::Aliases& aliases) {
  const std::string text(value.string());
  return at_value(value, [&] { return mpath::query(text, aliases); });
}

// An alias may use those before it.
mpath::Aliases read_aliases(const json::Value& root) {
  mpath::Aliases aliases;
  if (const auto value = root.find("aliases")) {
    for (const json::Value::Member& alias : value->members())
      aliases.emplace(alias.key, read_query(alias.value, aliases));
  }
  return aliases;
}

nn::QuantizerType read_type(const json::Value& value) {
  const std::string name(value.string());
  std::optional<nn::QuantizerType> type = nn::find_quantizer_type(name);
  if (!type.has_value())
    value.fail_expected(c10::str("one of the types ", c10::Join(", ", nn::quantizer_type_names())));
  return *std::move(type);
}

QuantizerFactory read_factory(const json::Value& rule) {
  const nn::QuantizerType type = read_type(rule.at("quantizer"));
  const auto given = rule.find("settings");
  const nn::QuantizerSettings settings = given.has_value()
                                             ? storage::to_ivalues(storage::read_values(*given))
                                             : nn::QuantizerSettings();
  at_value(given.value_or(rule), [&] { return type.make(settings); });
  return [make = type.make, settings](const std::string&, const nn::QuantizerImpl&) {
    return make(settings);
  };
}

QuantizationConfig read_preset(const json::Value& root) {
  const auto value = root.find("preset");
  if (!value.has_value())
    return {};
  std::optional<QuantizationConfig> preset = presets::find(std::string(value->string()));
  if (!preset.has_value())
    value->fail_expected(c10::str("one of the presets ", c10::Join(", ", presets::names())));
  return *std::move(preset);
}

}  // namespace

QuantizationConfig parse_quantization_config(std::string_view text, const std::string& name) {
  try {
    const json::Document document = json::Document::parse(name, text, {.depth = 8});
    const json::Value root = document.root();
    check_version(root);
    root.expect_keys({"version", "rules"}, {"aliases", "preset"});
    const mpath::Aliases aliases = read_aliases(root);
    QuantizationConfig config = read_preset(root);
    for (const json::Value& rule : root.at("rules").items()) {
      rule.expect_keys({"query", "quantizer"}, {"settings", "estimator"});
      config.add_rule(read_query(rule.at("query"), aliases), read_factory(rule));
      if (const auto estimator = rule.find("estimator"))
        config.estimate_with(storage::read_estimator(*estimator));
    }
    return config;
  } catch (const json::Error& error) {
    TORCH_CHECK_VALUE(false, error.what());
  }
}

QuantizationConfig load_quantization_config(const std::filesystem::path& path) {
  const storage::MemoryMap map("load_quantization_config", path);
  const auto bytes = map.bytes();
  return parse_quantization_config({reinterpret_cast<const char*>(bytes.data()), bytes.size()},
                                   path.string());
}

}  // namespace ff
