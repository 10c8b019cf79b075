#include "storage/value_format.h"

#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include "storage/read_error.h"

namespace ff::storage {
namespace {

constexpr std::int64_t kMaxInteger = std::numeric_limits<std::int64_t>::max();

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

}  // namespace

std::string text_json(const std::string& text) {
  if (!json::is_utf8(text))
    throw ReadError("the text " + json::quoted(text, 80) + " is not UTF-8");
  return json::quoted(text);
}

std::string texts_json(const std::vector<std::string>& texts) {
  return list_json(texts, text_json);
}

std::string integers_json(const std::vector<std::int64_t>& integers) {
  return list_json(integers, [](std::int64_t value) { return std::to_string(value); });
}

std::string values_json(const StateValues& values) {
  std::string text = "{";
  for (const auto& [name, value] : values)
    text += (text.size() > 1 ? ", " : "") + text_json(name) + ": " + std::visit(ToJson(), value);
  return text + "}";
}

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

StateValues read_values(const json::Value& value) {
  StateValues values;
  for (const json::Value::Member& member : value.members())
    values.emplace(member.key, read_value(member.value));
  return values;
}

}  // namespace ff::storage
