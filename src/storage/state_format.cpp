#include "storage/state_format.h"

#include "core/json.h"
#include "storage/read_error.h"

#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <set>
#include <type_traits>

namespace ff::storage {
namespace {

constexpr std::int64_t kMaxInteger = std::numeric_limits<std::int64_t>::max();

// ---- Writing: by hand, so that the order of keys is ours and each tensor is one line.

std::string text_json(const std::string& text) {
  if (!json::is_utf8(text))
    throw ReadError("the text " + json::quoted(text, 80) + " is not UTF-8");
  return json::quoted(text);
}

std::string float_json(double value) {
  if (std::isnan(value))
    return "\"nan\"";
  if (std::isinf(value))
    return value > 0 ? "\"inf\"" : "\"-inf\"";
  std::array<char, 32> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  std::string text(digits.data(), end);
  return text.find_first_of(".e") == std::string::npos ? text + ".0" : text;
}

template <typename List, typename ToJson>
std::string list_json(const List& list, const ToJson& to_json) {
  std::string text = "[";
  for (const auto& item : list)
    text += (text.size() > 1 ? ", " : "") + to_json(item);
  return text + "]";
}

std::string texts_json(const std::vector<std::string>& texts) {
  return list_json(texts, text_json);
}

std::string integers_json(const std::vector<std::int64_t>& integers) {
  return list_json(integers, [](std::int64_t value) { return std::to_string(value); });
}

struct ToJson {
  std::string operator()(std::monostate) const {
    return "null";
  }
  std::string operator()(bool value) const {
    return value ? "true" : "false";
  }
  std::string operator()(std::int64_t value) const {
    return std::to_string(value);
  }
  std::string operator()(double value) const {
    const std::string text = float_json(value);
    return text.front() == '"' ? "{\"float\": " + text + "}" : text;
  }
  std::string operator()(const std::string& value) const {
    return text_json(value);
  }
  std::string operator()(const std::vector<bool>& value) const {
    return "{\"bools\": " +
           list_json(value, [](bool item) { return std::string(item ? "true" : "false"); }) + "}";
  }
  std::string operator()(const std::vector<std::int64_t>& value) const {
    return integers_json(value);
  }
  std::string operator()(const std::vector<double>& value) const {
    return "{\"floats\": " + list_json(value, float_json) + "}";
  }
  std::string operator()(const std::vector<std::string>& value) const {
    return "{\"texts\": " + texts_json(value) + "}";
  }
};

std::string values_json(const StateValues& values) {
  std::string text = "{";
  for (const auto& [name, value] : values)
    text += (text.size() > 1 ? ", " : "") + text_json(name) + ": " + std::visit(ToJson(), value);
  return text + "}";
}

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

std::vector<std::string> read_texts(const json::Value& value) {
  std::vector<std::string> texts;
  for (const json::Value& item : value.items())
    texts.emplace_back(item.string());
  return texts;
}

std::vector<std::int64_t> read_integers(const json::Value& value, std::int64_t min) {
  std::vector<std::int64_t> integers;
  for (const json::Value& item : value.items())
    integers.push_back(item.integer(min, kMaxInteger));
  return integers;
}

double read_float(const json::Value& value) {
  if (value.kind() != json::Kind::kString)
    return value.number();
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  constexpr std::array<double, 3> kValues = {std::numeric_limits<double>::quiet_NaN(), kInfinity,
                                             -kInfinity};
  return kValues[value.choice({"nan", "inf", "-inf"})];
}

StateValue read_tagged(const json::Value& value) {
  const auto members = value.members();
  if (members.size() == 1) {
    const json::Value& inner = members.front().value;
    const std::string_view key = members.front().key;
    if (key == "float")
      return read_float(inner);
    if (key == "texts")
      return read_texts(inner);
    if (key == "bools") {
      std::vector<bool> bools;
      for (const json::Value& item : inner.items())
        bools.push_back(item.boolean());
      return bools;
    }
    if (key == "floats") {
      std::vector<double> floats;
      for (const json::Value& item : inner.items())
        floats.push_back(read_float(item));
      return floats;
    }
  }
  value.fail("expected one key: \"float\", \"floats\", \"bools\" or \"texts\"");
}

StateValue read_value(const json::Value& value) {
  switch (value.kind()) {
    case json::Kind::kNull:
      return std::monostate();
    case json::Kind::kBool:
      return value.boolean();
    case json::Kind::kInteger:
      return value.integer(std::numeric_limits<std::int64_t>::min(), kMaxInteger);
    case json::Kind::kFloat:
      return value.number();
    case json::Kind::kString:
      return std::string(value.string());
    case json::Kind::kArray:
      return read_integers(value, std::numeric_limits<std::int64_t>::min());
    case json::Kind::kObject:
      return read_tagged(value);
  }
  value.fail_expected("a value");
}

StateValues read_values(const json::Value& value) {
  StateValues values;
  for (const json::Value::Member& member : value.members())
    values.emplace(member.key, read_value(member.value));
  return values;
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
  quantizer.tags = read_texts(value.at("tags"));
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
