#include "core/json.h"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/json_tape.h"

namespace ff::json {
namespace {

using detail::Node;
using detail::Tape;

std::string place_in(const Tape& tape, std::string_view text, std::size_t offset) {
  if (tape.first_byte.has_value())
    return "byte " + std::to_string(*tape.first_byte + offset);
  const std::string_view before = text.substr(0, offset);
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const std::size_t line_start = before.rfind('\n') + 1;  // npos + 1 is 0
  return "byte " + std::to_string(offset) + " (line " + std::to_string(line) + ", column " +
         std::to_string(offset - line_start + 1) + ")";
}

[[noreturn]] void fail_at(const Tape& tape, std::string_view text, std::size_t offset,
                          const std::string& what) {
  throw Error(tape.name + ": " + place_in(tape, text, offset) + ": " + what);
}

// What nlohmann's message says after its own name for the error and the place, without the text it
// read last, which can be long and hold any bytes.
std::string reason_of(std::string message, const std::string& last_read) {
  constexpr std::string_view kOutOfRange = "[json.exception.out_of_range";
  if (message.starts_with(kOutOfRange))
    return "the number is beyond the range of a double";
  const std::string shown = "; last read: '" + last_read + "'";
  if (const std::size_t start = message.find(shown); start != std::string::npos)
    message.erase(start, shown.size());
  const std::size_t place_end = message.find(": ", message.find(", column "));
  return place_end == std::string::npos ? message : message.substr(place_end + 2);
}

// Takes nlohmann's events and lays them on a tape. Where an event began it finds by itself: between
// two of them there is nothing but blanks, commas and colons.
class TapeBuilder {
 public:
  TapeBuilder(Tape& tape, std::string_view text, const Limits& limits)
      : tape_(tape), text_(text), limits_(limits) {}

  bool null() {
    return add_literal(Kind::kNull, false, 4);
  }
  bool boolean(bool value) {
    return add_literal(Kind::kBool, value, value ? 4 : 5);
  }
  bool number_integer(std::int64_t) {
    return add_number();
  }
  bool number_unsigned(std::uint64_t) {
    return add_number();
  }
  bool number_float(double, const std::string&) {
    return add_number();
  }
  bool string(const std::string& value) {
    return add_string(value);
  }
  bool key(const std::string& value) {
    add_string(value);
    --tape_.nodes[open_.back()].count;  // the member counts, with its value
    return true;
  }
  bool start_object(std::size_t) {
    return open(Kind::kObject);
  }
  bool start_array(std::size_t) {
    return open(Kind::kArray);
  }
  bool end_object() {
    check_keys();
    return close();
  }
  bool end_array() {
    return close();
  }
  bool binary(const std::vector<std::uint8_t>&) {
    return false;  // JSON has none
  }
  bool parse_error(std::size_t position, const std::string& last_read,
                   const std::exception& error) {
    fail_at(tape_, text_, std::min(position > 0 ? position - 1 : 0, text_.size()),
            reason_of(error.what(), last_read));
  }

 private:
  std::size_t next_token() const {
    return std::min(text_.find_first_not_of(" \t\r\n,:", done_), text_.size());
  }

  Node& add(Kind kind) {
    const std::size_t offset = next_token();
    if (tape_.nodes.size() >= limits_.values) {
      fail_at(tape_, text_, offset,
              "more than " + std::to_string(limits_.values) + " values and keys");
    }
    Node node;
    node.kind = kind;
    node.parent = open_.empty() ? 0 : open_.back();
    node.offset = static_cast<std::uint32_t>(offset);
    node.next = static_cast<std::uint32_t>(tape_.nodes.size() + 1);
    if (!open_.empty())
      ++tape_.nodes[open_.back()].count;
    tape_.nodes.push_back(node);
    return tape_.nodes.back();
  }

  bool add_literal(Kind kind, bool truth, std::size_t bytes) {
    Node& node = add(kind);
    node.truth = truth;
    done_ = node.offset + bytes;
    return true;
  }

  bool add_number() {
    Node& node = add(Kind::kInteger);
    done_ = std::min(text_.find_first_not_of("+-.0123456789eE", node.offset), text_.size());
    const std::string_view number = text_.substr(node.offset, done_ - node.offset);
    if (number.find_first_of(".eE") != std::string_view::npos)
      node.kind = Kind::kFloat;
    keep_text(node, number);
    return true;
  }

  bool add_string(const std::string& value) {
    Node& node = add(Kind::kString);
    done_ = node.offset + 1;
    while (text_[done_] != '"')
      done_ += text_[done_] == '\\' ? 2 : 1;
    ++done_;
    keep_text(node, value);
    return true;
  }

  void keep_text(Node& node, std::string_view text) {
    node.text = static_cast<std::uint32_t>(tape_.pool.size());
    node.text_bytes = static_cast<std::uint32_t>(text.size());
    tape_.pool += text;
  }

  bool open(Kind kind) {
    if (open_.size() >= limits_.depth) {
      fail_at(
          tape_, text_, next_token(),
          "more than " + std::to_string(limits_.depth) + " arrays and objects inside each other");
    }
    done_ = add(kind).offset + 1;
    open_.push_back(static_cast<std::uint32_t>(tape_.nodes.size() - 1));
    return true;
  }

  bool close() {
    done_ = next_token() + 1;
    tape_.nodes[open_.back()].next = static_cast<std::uint32_t>(tape_.nodes.size());
    open_.pop_back();
    return true;
  }

  // By sorting: keys chosen to collide in a hash table would take quadratic time.
  void check_keys() {
    const std::uint32_t object = open_.back();
    std::vector<std::uint32_t> keys;
    keys.reserve(tape_.nodes[object].count);
    for (std::uint32_t key = object + 1; key < tape_.nodes.size(); key = tape_.nodes[key + 1].next)
      keys.push_back(key);
    const auto text_of = [&](std::uint32_t key) { return tape_.text_of(tape_.nodes[key]); };
    std::sort(keys.begin(), keys.end(), [&](std::uint32_t a, std::uint32_t b) {
      const int order = text_of(a).compare(text_of(b));
      return order != 0 ? order < 0 : a < b;
    });
    std::uint32_t first = std::numeric_limits<std::uint32_t>::max();
    for (std::size_t i = 1; i < keys.size(); ++i) {
      if (text_of(keys[i - 1]) == text_of(keys[i]))
        first = std::min(first, keys[i]);
    }
    if (first < tape_.nodes.size()) {
      fail_at(tape_, text_, tape_.nodes[first].offset,
              "the key " + quoted(text_of(first), 80) + " stands twice in one object");
    }
  }

  Tape& tape_;
  std::string_view text_;
  const Limits& limits_;
  std::size_t done_ = 0;             // all before this byte is on the tape
  std::vector<std::uint32_t> open_;  // the arrays and objects that have no end yet
};

}  // namespace

Document::Document(std::unique_ptr<const Tape> tape) : tape_(std::move(tape)) {}
Document::Document(Document&&) noexcept = default;
Document& Document::operator=(Document&&) noexcept = default;
Document::~Document() = default;

Document Document::parse(std::string name, std::string_view text, const Limits& limits,
                         std::optional<std::size_t> first_byte) {
  auto tape = std::make_unique<Tape>();
  tape->name = std::move(name);
  tape->first_byte = first_byte;
  const std::size_t most =
      std::min<std::size_t>(limits.bytes, std::numeric_limits<std::uint32_t>::max() - 1);
  if (text.size() > most) {
    throw Error(tape->name + ": the text has " + std::to_string(text.size()) + " bytes, at most " +
                std::to_string(most) + " are read");
  }
  if (text.starts_with("\xEF\xBB\xBF"))
    fail_at(*tape, text, 0, "a byte order mark; expected UTF-8 without one");
  TapeBuilder builder(*tape, text, limits);
  nlohmann::json::sax_parse(text.data(), text.data() + text.size(), &builder);
  return Document(std::move(tape));
}

Value Document::root() const {
  return {*tape_, 0};
}

bool is_utf8(std::string_view text) {
  const nlohmann::json string = std::string(text);
  try {
    static_cast<void>(string.dump());
    return true;
  } catch (const nlohmann::json::type_error&) {
    return false;
  }
}

std::string quoted(std::string_view text, std::size_t max_bytes) {
  const bool is_cut = text.size() > max_bytes;
  if (is_cut) {
    text = text.substr(0, max_bytes);
    // Not in the middle of a character.
    while (!text.empty() && (static_cast<unsigned char>(text.back()) & 0xC0) == 0x80)
      text.remove_suffix(1);
    if (!text.empty() && static_cast<unsigned char>(text.back()) >= 0xC0)
      text.remove_suffix(1);
  }
  const nlohmann::json string = std::string(text);
  return string.dump(-1, ' ', /*ensure_ascii=*/false, nlohmann::json::error_handler_t::replace) +
         (is_cut ? "..." : "");
}

}  // namespace ff::json
