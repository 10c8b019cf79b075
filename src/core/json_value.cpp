#include <algorithm>
#include <charconv>

#include "core/json.h"
#include "core/json_tape.h"

namespace ff::json {
namespace {

using detail::Node;
using detail::Tape;

constexpr std::size_t kMostShown = 60;

std::string shown(const Tape& tape, const Node& node) {
  switch (node.kind) {
    case Kind::kNull:
      return "null";
    case Kind::kBool:
      return node.truth ? "true" : "false";
    case Kind::kInteger:
    case Kind::kFloat: {
      const std::string_view text = tape.text_of(node);
      return std::string(text.substr(0, kMostShown)) + (text.size() > kMostShown ? "..." : "");
    }
    case Kind::kString:
      return quoted(tape.text_of(node), kMostShown);
    case Kind::kArray:
      return node.count == 0 ? "an empty array" : "an array of " + std::to_string(node.count);
    case Kind::kObject:
      return node.count == 0 ? "an empty object" : "an object";
  }
  return "";
}

std::string listed(std::span<const std::string_view> names) {
  std::string list;
  for (const std::string_view name : names)
    list += (list.empty() ? "" : ", ") + quoted(name);
  return list;
}

// RFC 6901: ~ and / in a key are ~0 and ~1. Characters that would break a line are escaped as in a
// JSON string.
std::string pointer_part(std::string_view key) {
  const std::string text = quoted(key, kMostShown);
  const bool is_cut = text.ends_with("...");
  std::string part;
  for (const char character : text.substr(1, text.rfind('"') - 1))
    part += character == '~' ? "~0" : character == '/' ? "~1" : std::string(1, character);
  return part + (is_cut ? "..." : "");
}

std::size_t index_of(const Tape& tape, std::uint32_t array, std::uint32_t node) {
  std::size_t index = 0;
  for (std::uint32_t item = array + 1; item < node; item = tape.nodes[item].next)
    ++index;
  return index;
}

}  // namespace

Kind Value::kind() const {
  return tape_->nodes[node_].kind;
}

std::size_t Value::offset() const {
  return tape_->first_byte.value_or(0) + tape_->nodes[node_].offset;
}

std::string Value::pointer() const {
  std::string path;
  for (std::uint32_t node = node_; node != 0; node = tape_->nodes[node].parent) {
    const std::uint32_t parent = tape_->nodes[node].parent;
    const bool is_member = tape_->nodes[parent].kind == Kind::kObject;
    path = "/" +
           (is_member ? pointer_part(tape_->text_of(tape_->nodes[node - 1]))
                      : std::to_string(index_of(*tape_, parent, node))) +
           path;
  }
  return path;
}

void Value::fail(std::string_view what) const {
  const std::string place = pointer();
  const std::string byte =
      tape_->first_byte.has_value() ? "byte " + std::to_string(offset()) + ": " : "";
  throw Error(tape_->name + ": " + byte + (place.empty() ? "" : place + ": ") + std::string(what));
}

void Value::fail_expected(std::string_view what) const {
  fail("expected " + std::string(what) + ", got " + shown(*tape_, tape_->nodes[node_]));
}

bool Value::boolean() const {
  if (kind() != Kind::kBool)
    fail_expected("true or false");
  return tape_->nodes[node_].truth;
}

std::int64_t Value::integer(std::int64_t min, std::int64_t max) const {
  const std::string_view text = tape_->text_of(tape_->nodes[node_]);
  std::int64_t value = 0;
  const bool is_read =
      kind() == Kind::kInteger &&
      std::from_chars(text.data(), text.data() + text.size(), value).ec == std::errc();
  if (!is_read || value < min || value > max)
    fail_expected("an integer from " + std::to_string(min) + " to " + std::to_string(max));
  return value;
}

double Value::number() const {
  if (kind() != Kind::kInteger && kind() != Kind::kFloat)
    fail_expected("a number");
  const std::string_view text = tape_->text_of(tape_->nodes[node_]);
  double value = 0;
  // Too small for a double is nearest to 0; too large ones the parser refused.
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

std::string_view Value::string() const {
  if (kind() != Kind::kString)
    fail_expected("a string");
  return tape_->text_of(tape_->nodes[node_]);
}

std::size_t Value::choice(std::span<const std::string_view> names) const {
  if (kind() == Kind::kString) {
    const auto found = std::find(names.begin(), names.end(), string());
    if (found != names.end())
      return static_cast<std::size_t>(found - names.begin());
  }
  fail_expected((names.size() > 1 ? "one of " : "") + listed(names));
}

std::vector<Value> Value::items() const {
  if (kind() != Kind::kArray)
    fail_expected("an array");
  const Node& array = tape_->nodes[node_];
  std::vector<Value> values;
  values.reserve(array.count);
  for (std::uint32_t node = node_ + 1; node < array.next; node = tape_->nodes[node].next)
    values.emplace_back(*tape_, node);
  return values;
}

std::vector<Value::Member> Value::members() const {
  if (kind() != Kind::kObject)
    fail_expected("an object");
  const Node& object = tape_->nodes[node_];
  std::vector<Member> list;
  list.reserve(object.count);
  for (std::uint32_t key = node_ + 1; key < object.next; key = tape_->nodes[key + 1].next)
    list.push_back({tape_->text_of(tape_->nodes[key]), Value(*tape_, key + 1)});
  return list;
}

const Value& Value::expect_keys(std::initializer_list<std::string_view> required,
                                std::initializer_list<std::string_view> optional) const {
  std::vector<std::string_view> known(required);
  known.insert(known.end(), optional);
  for (const Member& member : members()) {
    if (std::find(known.begin(), known.end(), member.key) == known.end()) {
      fail("unknown key " + quoted(member.key, kMostShown) + "; " +
           (known.empty() ? "no keys are known" : "known are " + listed(known)));
    }
  }
  for (const std::string_view key : required)
    at(key);
  return *this;
}

std::optional<Value> Value::find(std::string_view key) const {
  if (kind() != Kind::kObject)
    fail_expected("an object");
  const Node& object = tape_->nodes[node_];
  for (std::uint32_t name = node_ + 1; name < object.next; name = tape_->nodes[name + 1].next) {
    if (tape_->text_of(tape_->nodes[name]) == key)
      return Value(*tape_, name + 1);
  }
  return std::nullopt;
}

Value Value::at(std::string_view key) const {
  const std::optional<Value> found = find(key);
  if (!found.has_value())
    fail("the key " + quoted(key, kMostShown) + " is missing");
  return *found;
}

}  // namespace ff::json
