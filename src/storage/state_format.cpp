#include "storage/state_format.h"

#include "core/json.h"
#include "storage/read_error.h"

#include <algorithm>
#include <limits>
#include <set>

namespace ff::storage {
namespace {

constexpr std::int64_t kMaxInteger = std::numeric_limits<std::int64_t>::max();

// ---- Writing: by hand, so that the order of keys is ours and each tensor is one line.

std::string tensor_json(const TensorRecord& tensor) {
  return "{\"name\": " + text_json(tensor.name) + ", \"dtype\": " + text_json(tensor.dtype) +
         ", \"shape\": " + integers_json(tensor.shape) +
         (tensor.same_as.empty() ? "" : ", \"same_as\": " + text_json(tensor.same_as)) + "}";
}

std::string quantizer_json(const QuantizerRecord& quantizer) {
  return "{\"places\": " + texts_json(quantizer.places) +
         ", \"type\": " + text_json(quantizer.type) +
         ", \"settings\": " + values_json(quantizer.settings) +
         ", \"parameters\": " + texts_json(quantizer.parameters) +
         ", \"trained\": " + texts_json(quantizer.trained) +
         ", \"buffers\": " + texts_json(quantizer.buffers) +
         ", \"tags\": " + texts_json(quantizer.tags) + ", \"shape\": " +
         (quantizer.shape.has_value() ? integers_json(*quantizer.shape) : "null") +
         ", \"attributes\": " + values_json(quantizer.attributes) + "}";
}

// ---- Reading

std::vector<std::string> read_tags(const json::Value& value) {
  std::vector<std::string> tags;
  for (const json::Value& item : value.items()) {
    tags.emplace_back(item.string());
    const std::size_t levels = levels_of(tags.back());
    if (levels > kMostTagLevels)
      item.fail("a tag of " + std::to_string(levels) + " levels; expected at most " +
                std::to_string(kMostTagLevels));
  }
  return tags;
}

TensorRecord read_tensor(const json::Value& value, std::set<std::string>& names) {
  value.expect_keys({"name", "dtype", "shape"}, {"same_as"});
  TensorRecord tensor;
  tensor.name = value.at("name").string();
  tensor.dtype = value.at("dtype").string();
  tensor.shape = read_integers(value.at("shape"), 0);
  if (const auto same_as = value.find("same_as")) {
    tensor.same_as = same_as->string();
    if (names.count(tensor.same_as) == 0)
      same_as->fail("no tensor before this one is named " + json::quoted(tensor.same_as, 80));
  }
  if (!names.insert(tensor.name).second)
    value.at("name").fail("the tensor " + json::quoted(tensor.name, 80) + " stands there twice");
  return tensor;
}

QuantizerRecord read_quantizer(const json::Value& value, std::set<std::string>& places) {
  value.expect_keys({"places", "type", "settings", "parameters", "trained", "buffers", "tags",
                     "shape", "attributes"});
  QuantizerRecord quantizer;
  quantizer.places = read_texts(value.at("places"));
  if (quantizer.places.empty())
    value.at("places").fail_expected("at least one place");
  for (const std::string& place : quantizer.places) {
    if (!places.insert(place).second)
      value.at("places").fail("the place " + json::quoted(place, 80) + " stands there twice");
  }
  quantizer.type = value.at("type").string();
  quantizer.settings = read_values(value.at("settings"));
  quantizer.parameters = read_texts(value.at("parameters"));
  quantizer.trained = read_texts(value.at("trained"));
  quantizer.buffers = read_texts(value.at("buffers"));
  const std::set<std::string> parameters(quantizer.parameters.begin(), quantizer.parameters.end());
  for (const std::string& name : quantizer.trained) {
    if (parameters.count(name) == 0)
      value.at("trained").fail(json::quoted(name, 80) + " is not one of the parameters");
  }
  std::set<std::string> tensors = parameters;
  tensors.insert(quantizer.buffers.begin(), quantizer.buffers.end());
  if (tensors.size() != quantizer.parameters.size() + quantizer.buffers.size())
    value.fail("a name stands twice in \"parameters\" and \"buffers\"");
  quantizer.tags = read_tags(value.at("tags"));
  if (value.at("shape").kind() != json::Kind::kNull)
    quantizer.shape = read_integers(value.at("shape"), 0);
  quantizer.attributes = read_values(value.at("attributes"));
  return quantizer;
}

void check_version(const json::Value& root) {
  const std::int64_t version = root.at("version").integer(1, kMaxInteger);
  if (version > kStateVersion) {
    root.at("version").fail("version " + std::to_string(version) +
                            ", which a newer library wrote; this one reads up to " +
                            std::to_string(kStateVersion));
  }
}

}  // namespace

std::size_t levels_of(const std::string& tag) {
  return 1 + static_cast<std::size_t>(std::count(tag.begin(), tag.end(), '/'));
}

std::string tensor_name(const std::string& place, const std::string& tensor) {
  return place.empty() ? tensor : place + "." + tensor;
}

std::string fingerprint_text(const std::vector<TensorRecord>& tensors) {
  std::string text;
  for (const TensorRecord& tensor : tensors)
    text += tensor_json(tensor) + "\n";
  return text;
}

std::string make_state_json(const StateRecord& state) {
  const auto lines = [](const auto& list, const auto& to_json) {
    std::string text;
    for (const auto& item : list)
      text += (text.empty() ? "\n    " : ",\n    ") + to_json(item);
    return "[" + text + "]";
  };
  return "{\"version\": " + std::to_string(kStateVersion) +
         ",\n \"library\": " + text_json(state.library) +
         ",\n \"fingerprint\": " + text_json(state.fingerprint) +
         ",\n \"tensors\": " + lines(state.tensors, tensor_json) +
         ",\n \"quantizers\": " + lines(state.quantizers, quantizer_json) + "}";
}

StateRecord parse_state_json(std::string_view text) {
  try {
    const json::Document document =
        json::Document::parse("state", text, {.depth = 8, .values = std::size_t{1} << 22});
    const json::Value root = document.root();
    check_version(root);
    root.expect_keys({"version", "library", "fingerprint", "tensors", "quantizers"});
    StateRecord state;
    state.library = root.at("library").string();
    state.fingerprint = root.at("fingerprint").string();
    std::set<std::string> names, places;
    for (const json::Value& item : root.at("tensors").items())
      state.tensors.push_back(read_tensor(item, names));
    for (const json::Value& item : root.at("quantizers").items())
      state.quantizers.push_back(read_quantizer(item, places));
    return state;
  } catch (const json::Error& error) {
    throw ReadError(error.what());
  }
}

}  // namespace ff::storage
