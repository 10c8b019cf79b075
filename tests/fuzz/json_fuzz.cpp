// libFuzzer target of core/json: what it reads is compared with nlohmann's own document. It needs
// no LibTorch. From the project's folder:
//
//   mkdir -p build/json_corpus
//   clang++ -std=c++20 -g -O1 -fsanitize=fuzzer,address,undefined -Isrc -o build/json_fuzz \
//     tests/fuzz/json_fuzz.cpp src/core/json.cpp src/core/json_value.cpp
//   UBSAN_OPTIONS=halt_on_error=1 build/json_fuzz -max_len=4096 -max_total_time=300 \
//     build/json_corpus tests/fuzz/corpus/json
//
// New inputs go to the first folder of the last command, the second one is only read.

#include "core/json.h"

#include <cstdlib>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace {

using ff::json::Document;
using ff::json::Error;
using ff::json::Kind;
using ff::json::Value;
using nlohmann::json;

constexpr ff::json::Limits kLimits = {.bytes = 1 << 20, .depth = 16, .values = 2000};

void require(bool holds, const char* what) {
  if (!holds) {
    std::cerr << "property violated: " << what << '\n';
    std::abort();
  }
}

bool is_utf8(const std::string& text) {
  return json::accept(json(text).dump(-1, ' ', false, json::error_handler_t::ignore)) &&
         json(text).dump(-1, ' ', false, json::error_handler_t::replace) ==
             json(text).dump(-1, ' ', false, json::error_handler_t::ignore);
}

void check_error(const Error& error) {
  const std::string text = error.what();
  require(text.starts_with("input: "), "an error begins with the name");
  require(text.size() < 1000, "an error is short");
  require(text.find_first_of("\n\r") == std::string::npos, "an error is one line");
  require(is_utf8(text), "an error is UTF-8");
}

// Every reader on a value: it gives what is there, or says what it expected.
void check_readers(const Value& value) {
  const auto try_to = [&](const auto& read) {
    try {
      read();
    } catch (const Error& error) {
      check_error(error);
      require(std::string(error.what()).find(value.pointer()) != std::string::npos,
              "an error names the pointer");
    }
  };
  try_to([&] { value.boolean(); });
  try_to([&] { value.integer(1, 16); });
  try_to([&] { value.number(); });
  try_to([&] { value.string(); });
  try_to([&] { value.choice({"linear", "dynamic"}); });
  try_to([&] { value.items(); });
  try_to([&] { value.expect_keys({"rules"}, {"version"}); });
}

void compare(const Value& ours, const json& theirs, std::string_view text) {
  check_readers(ours);
  require(ours.offset() < text.size(), "a value begins inside the text");
  const char first = text[ours.offset()];
  switch (ours.kind()) {
    case Kind::kNull:
      require(theirs.is_null() && first == 'n', "null");
      break;
    case Kind::kBool:
      require(theirs.is_boolean() && ours.boolean() == theirs.get<bool>() &&
                  first == (ours.boolean() ? 't' : 'f'),
              "a bool");
      break;
    case Kind::kInteger:
      require(theirs.is_number() && (first == '-' || (first >= '0' && first <= '9')), "an integer");
      if (theirs.is_number_integer() &&
          (!theirs.is_number_unsigned() || theirs.get<std::uint64_t>() <= INT64_MAX))
        require(ours.integer(INT64_MIN, INT64_MAX) == theirs.get<std::int64_t>(), "its value");
      break;
    case Kind::kFloat:
      require(theirs.is_number_float() && ours.number() == theirs.get<double>(), "a float");
      break;
    case Kind::kString:
      require(theirs.is_string() && ours.string() == theirs.get<std::string>() && first == '"',
              "a string");
      break;
    case Kind::kArray: {
      require(theirs.is_array() && first == '[', "an array");
      const auto items = ours.items();
      require(items.size() == theirs.size(), "its size");
      for (std::size_t i = 0; i < items.size(); ++i)
        compare(items[i], theirs[i], text);
      break;
    }
    case Kind::kObject: {
      require(theirs.is_object() && first == '{', "an object");
      const auto members = ours.members();
      require(members.size() == theirs.size(), "its size, without duplicate keys");
      for (const auto& member : members) {
        const auto found = theirs.find(std::string(member.key));
        require(found != theirs.end(), "its keys");
        compare(member.value, *found, text);
      }
      break;
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  try {
    const Document document = Document::parse("input", text, kLimits);
    compare(document.root(), json::parse(text), text);
  } catch (const Error& error) {
    check_error(error);
    const std::string_view what = error.what();
    const bool is_ours = what.find("stands twice") != std::string_view::npos ||
                         what.find("more than ") != std::string_view::npos ||
                         what.find("byte order mark") != std::string_view::npos;
    require(is_ours || !json::accept(text), "what RFC 8259 allows is read");
  }
  return 0;
}
