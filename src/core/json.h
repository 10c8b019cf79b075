#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

// No LibTorch here: the fuzzers build this file alone.
namespace ff::json {

/// What is wrong with a JSON text, beginning with the document's name. The public function that
/// catches it makes a c10::ValueError of it.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// What a text may hold at most. Beyond it parsing stops with an Error, before more is allocated.
struct Limits {
  /// Bytes of the text, below 2^32.
  std::size_t bytes = std::size_t{64} << 20;
  /// Arrays and objects inside each other.
  std::size_t depth = 64;
  /// Values and keys; 32 bytes of memory each, beside the texts.
  std::size_t values = std::size_t{1} << 20;
};

/// The kinds of a value. An integer is a number without a point and an exponent.
enum class Kind : std::uint8_t { kNull, kBool, kInteger, kFloat, kString, kArray, kObject };

namespace detail {
struct Tape;
}  // namespace detail

/// A value in a document, with its place there: every failed expectation is an Error like
///
///     rules.json: /rules/2/quantizer/num_bits: expected an integer from 1 to 16, got "eight"
///
/// where the place is a JSON pointer (RFC 6901), left out for the document itself. A value must not
/// outlive its Document.
class Value {
 public:
  /// The value number `node` of a tape.
  Value(const detail::Tape& tape, std::uint32_t node) : tape_(&tape), node_(node) {}

  /// What it is.
  Kind kind() const;
  /// The JSON pointer, "" for the document itself.
  std::string pointer() const;
  /// The byte where the value begins, counted as in errors.
  std::size_t offset() const;

  /// True or false.
  bool boolean() const;
  /// An integer from `min` to `max`.
  std::int64_t integer(std::int64_t min, std::int64_t max) const;
  /// Any number, the double that is nearest to it.
  double number() const;
  /// A string, with escapes undone: valid UTF-8 that may hold NUL.
  std::string_view string() const;
  /// The index in `names` of a string that is one of them.
  std::size_t choice(std::span<const std::string_view> names) const;
  /// The same for a list in braces.
  std::size_t choice(std::initializer_list<std::string_view> names) const {
    return choice(std::span(names.begin(), names.size()));
  }

  /// The values of an array.
  std::vector<Value> items() const;

  /// A key of an object and its value.
  struct Member;
  /// The members of an object, in the order of the text.
  std::vector<Member> members() const;
  /// Expects an object that has all `required` keys, and no other ones but `optional` keys.
  const Value& expect_keys(std::initializer_list<std::string_view> required,
                           std::initializer_list<std::string_view> optional = {}) const;
  /// The value of a key of an object, nothing if it has no such key. It looks at one key after
  /// another.
  std::optional<Value> find(std::string_view key) const;
  /// The value of a key that an object must have.
  Value at(std::string_view key) const;

  /// Throws the Error "<name>: <pointer>: expected <what>, got <this value>".
  [[noreturn]] void fail_expected(std::string_view what) const;
  /// Throws the Error "<name>: <pointer>: <what>", for what a single value cannot show.
  [[noreturn]] void fail(std::string_view what) const;

 private:
  const detail::Tape* tape_;
  std::uint32_t node_;
};

struct Value::Member {
  std::string_view key;
  Value value;
};

/// A parsed JSON text (RFC 8259). Parsing and destruction need no more stack for a deep text than
/// for a flat one.
///
/// Stricter than many parsers: duplicate keys, invalid UTF-8, a byte order mark, a number beyond
/// double's range and anything after the value are errors.
class Document {
 public:
  /// Parses `text`. `name` is what errors begin with: a file, or what the text is. Throws Error
  /// "<name>: byte <n> (line <n>, column <n>): <what is wrong>".
  ///
  /// `first_byte` is for a text inside a file: its bytes are counted from there, errors leave line
  /// and column out, and those of values say the byte as well.
  static Document parse(std::string name, std::string_view text, const Limits& limits = {},
                        std::optional<std::size_t> first_byte = std::nullopt);

  Document(Document&&) noexcept;
  Document& operator=(Document&&) noexcept;
  ~Document();

  /// The whole value.
  Value root() const;

 private:
  explicit Document(std::unique_ptr<const detail::Tape> tape);

  std::unique_ptr<const detail::Tape> tape_;
};

/// True if `text` is valid UTF-8, so that JSON can hold it.
bool is_utf8(std::string_view text);

/// `text` as a JSON string in quotes: control characters are escaped, bytes that are no valid UTF-8
/// become U+FFFD. Longer ones than `max_bytes` are cut off, with "..." after the quote.
std::string quoted(std::string_view text, std::size_t max_bytes = SIZE_MAX);

}  // namespace ff::json
