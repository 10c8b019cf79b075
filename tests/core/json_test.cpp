#include "core/json.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "support/expect_error.h"

namespace {

using ff::json::Document;
using ff::json::Error;
using ff::json::Kind;
using ff::json::Limits;
using ff::json::Value;

// An object with one member "x".
class One {
 public:
  explicit One(const std::string& value)
      : document_(Document::parse("f", "{\"x\": " + value + "}")) {}
  Value operator*() const {
    return document_.root().at("x");
  }

 private:
  Document document_;
};

std::string error_of(const std::string& text, const Limits& limits = {}) {
  try {
    Document::parse("f.json", text, limits);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(Json, ReadsEveryKind) {
  const Document document =
      Document::parse("f", R"( [null, true, false, -7, 2.5e1, "a\n\u00e9\ud83d\ude00", [], {}] )");
  const std::vector<Value> items = document.root().items();
  ASSERT_EQ(items.size(), 8U);
  const std::vector<Kind> kinds = {Kind::kNull,  Kind::kBool,   Kind::kBool,  Kind::kInteger,
                                   Kind::kFloat, Kind::kString, Kind::kArray, Kind::kObject};
  for (size_t i = 0; i < kinds.size(); ++i)
    EXPECT_EQ(items[i].kind(), kinds[i]) << i;
  EXPECT_TRUE(items[1].boolean());
  EXPECT_FALSE(items[2].boolean());
  EXPECT_EQ(items[3].integer(-7, -7), -7);
  EXPECT_EQ(items[3].number(), -7.0);
  EXPECT_EQ(items[4].number(), 25.0);
  EXPECT_EQ(items[5].string(), "a\n\xC3\xA9\xF0\x9F\x98\x80");
  EXPECT_TRUE(items[6].items().empty());
  EXPECT_TRUE(items[7].members().empty());
}

TEST(Json, ReadsAScalarAlone) {
  EXPECT_EQ(Document::parse("f", " 5 ").root().integer(0, 9), 5);
  EXPECT_EQ(Document::parse("f", "\"\"").root().string(), "");
}

TEST(Json, KeepsNulInStrings) {
  EXPECT_EQ((*One(R"("a\u0000b")")).string(), std::string("a\0b", 3));
}

TEST(Json, ReadsTheWholeRangeOfIntegers) {
  constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  EXPECT_EQ((*One("9223372036854775807")).integer(kMin, kMax), kMax);
  EXPECT_EQ((*One("-9223372036854775808")).integer(kMin, kMax), kMin);
  EXPECT_ERROR(Error,
               "f: /x: expected an integer from -9223372036854775808 to 9223372036854775807, got "
               "9223372036854775808",
               (*One("9223372036854775808")).integer(kMin, kMax));
}

TEST(Json, MembersKeepTheOrderOfTheText) {
  const Document document = Document::parse("f", R"({"b": [1, {"c": 2}], "a": 3, "": 4})");
  const auto members = document.root().members();
  ASSERT_EQ(members.size(), 3U);
  EXPECT_EQ(members[0].key, "b");
  EXPECT_EQ(members[1].key, "a");
  EXPECT_EQ(members[1].value.integer(0, 9), 3);
  EXPECT_EQ(members[2].key, "");
  EXPECT_EQ(document.root().find("a")->integer(0, 9), 3);
  EXPECT_FALSE(document.root().find("c").has_value());
}

TEST(Json, ExpectationsNameThePlaceAndWhatIsThere) {
  const Document document =
      Document::parse("rules.json", R"({"rules": [1, 2, {"quantizer": {"num_bits": "eight"}}]})");
  const Value bits = document.root().at("rules").items()[2].at("quantizer").at("num_bits");
  EXPECT_EQ(bits.pointer(), "/rules/2/quantizer/num_bits");
  EXPECT_EQ(bits.offset(), 44U);
  EXPECT_ERROR(Error,
               "rules.json: /rules/2/quantizer/num_bits: expected an integer from 1 to 16, got "
               "\"eight\"",
               bits.integer(1, 16));
  EXPECT_ERROR(Error, "num_bits: expected true or false, got \"eight\"", bits.boolean());
  EXPECT_ERROR(Error, "num_bits: expected a number, got \"eight\"", bits.number());
  EXPECT_ERROR(Error, "num_bits: expected an array, got \"eight\"", bits.items());
  EXPECT_ERROR(Error, "num_bits: expected an object, got \"eight\"", bits.members());
  EXPECT_ERROR(Error, "num_bits: expected an object, got \"eight\"", bits.find("x"));
  EXPECT_ERROR(Error, "rules.json: expected a string, got an object", document.root().string());
  EXPECT_ERROR(Error, "rules.json: /rules: expected a string, got an array of 3",
               document.root().at("rules").string());
  EXPECT_ERROR(Error, "rules.json: /rules/0: expected \"a\", got 1",
               document.root().at("rules").items()[0].choice({"a"}));
}

TEST(Json, AnIntegerHasNoPointAndNoExponent) {
  EXPECT_ERROR(Error, "expected an integer from 0 to 9, got 8.0", (*One("8.0")).integer(0, 9));
  EXPECT_ERROR(Error, "expected an integer from 0 to 9, got 1e0", (*One("1e0")).integer(0, 9));
  EXPECT_ERROR(Error, "expected an integer from 0 to 9, got 10", (*One("10")).integer(0, 9));
  EXPECT_ERROR(Error, "expected an integer from 0 to 9, got -1", (*One("-1")).integer(0, 9));
  EXPECT_ERROR(Error, "expected an integer from 0 to 9, got true", (*One("true")).integer(0, 9));
  EXPECT_ERROR(Error, "expected a string, got null", (*One("null")).string());
  EXPECT_ERROR(Error, "expected a string, got an empty array", (*One("[]")).string());
  EXPECT_ERROR(Error, "expected a string, got an empty object", (*One("{}")).string());
}

TEST(Json, AChoiceIsAnIndexAndListsTheNames) {
  EXPECT_EQ((*One("\"b\"")).choice({"a", "b"}), 1U);
  EXPECT_ERROR(Error, "f: /x: expected one of \"a\", \"b\", got \"c\"",
               (*One("\"c\"")).choice({"a", "b"}));
}

TEST(Json, UnknownAndMissingKeysAreNamed) {
  const One one(R"({"bits": 8})");
  EXPECT_ERROR(Error, "f: /x: unknown key \"bits\"; known are \"num_bits\", \"symmetric\"",
               (*one).expect_keys({"num_bits"}, {"symmetric"}));
  EXPECT_ERROR(Error, "f: /x: the key \"type\" is missing", (*one).expect_keys({"bits", "type"}));
  EXPECT_ERROR(Error, "f: /x: unknown key \"bits\"; no keys are known", (*one).expect_keys({}));
  EXPECT_EQ((*one).expect_keys({}, {"bits"}).at("bits").integer(0, 9), 8);
}

TEST(Json, PointersEscapeAsRfc6901) {
  const Document document = Document::parse("f", R"({"a/b~c": {"": [0, 1]}, "\n": 2})");
  EXPECT_EQ(document.root().at("a/b~c").at("").items()[1].pointer(), "/a~1b~0c//1");
  EXPECT_EQ(document.root().at("\n").pointer(), "/\\n");
  EXPECT_EQ(document.root().pointer(), "");
}

TEST(Json, LongTextsAreCutInErrors) {
  const std::string text(1000, 'z');
  EXPECT_ERROR(Error, "got \"" + std::string(60, 'z') + "\"...",
               (*One('"' + text + '"')).boolean());
  // Not in the middle of a character.
  EXPECT_EQ(ff::json::quoted("ab\xC3\xA9", 3), "\"ab\"...");
  EXPECT_EQ(ff::json::quoted("ab\xC3\xA9", 4), "\"ab\xC3\xA9\"");
  EXPECT_EQ(ff::json::quoted("a\"\xFF\n"), "\"a\\\"\xEF\xBF\xBD\\n\"");
}

TEST(Json, SyntaxErrorsNameByteLineAndColumn) {
  EXPECT_EQ(error_of("{\n  \"a\": 1,\n  b: 2\n}"),
            "f.json: byte 14 (line 3, column 3): syntax error while parsing object key - invalid "
            "literal; expected string literal");
  EXPECT_EQ(error_of(""),
            "f.json: byte 0 (line 1, column 1): syntax error while parsing value - unexpected end "
            "of input; expected '[', '{', or a literal");
  EXPECT_EQ(error_of("[1, 2"),
            "f.json: byte 5 (line 1, column 6): syntax error while parsing array - unexpected end "
            "of input; expected ']'");
  EXPECT_EQ(error_of("1 2"),
            "f.json: byte 2 (line 1, column 3): syntax error while parsing value - unexpected "
            "number literal; expected end of input");
}

TEST(Json, SyntaxErrorsDoNotRepeatTheText) {
  EXPECT_EQ(
      error_of("[\"p'; expected a\x92"),
      "f.json: byte 16 (line 1, column 17): syntax error while parsing value - invalid string: "
      "ill-formed UTF-8 byte");
  EXPECT_EQ(
      error_of("[\": , column 1: \n\"]"),
      "f.json: byte 16 (line 1, column 17): syntax error while parsing value - invalid string: "
      "control character U+000A (LF) must be escaped to \\u000A or \\n");
}

TEST(Json, WhatRfc8259DoesNotHaveIsAnError) {
  for (const char* text :
       {"[1,]", "{\"a\":1,}", "[01]", "[+1]", "[.5]", "[1.]", "[NaN]", "[Infinity]", "{'a':1}",
        "[1] // one", "[\"\t\"]", "[\"\\x41\"]", "[\"\\ud800\"]", "nul", "[1e]", "{1:2}", "]"}) {
    EXPECT_PRED_FORMAT2(testing::IsSubstring, "f.json: byte ", error_of(text)) << text;
  }
}

TEST(Json, InvalidUtf8IsAnError) {
  EXPECT_EQ(error_of("[\"ab\xC3\x28\"]"),
            "f.json: byte 5 (line 1, column 6): syntax error while parsing value - invalid string: "
            "ill-formed UTF-8 byte");
  for (const char* bytes : {"\x80", "\xC0\xAF", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xFF"}) {
    EXPECT_PRED_FORMAT2(testing::IsSubstring, "ill-formed UTF-8 byte",
                        error_of(std::string("[\"") + bytes + "\"]"));
  }
}

TEST(Json, AByteOrderMarkIsAnError) {
  EXPECT_EQ(error_of("\xEF\xBB\xBF{}"),
            "f.json: byte 0 (line 1, column 1): a byte order mark; expected UTF-8 without one");
}

TEST(Json, ANumberBeyondADoubleIsAnError) {
  EXPECT_EQ(error_of("[1e999]"),
            "f.json: byte 5 (line 1, column 6): the number is beyond the range of a double");
  EXPECT_PRED_FORMAT2(testing::IsSubstring, "beyond the range of a double",
                      error_of("[" + std::string(400, '9') + "]"));
  EXPECT_EQ((*One("1e-999")).number(), 0.0);
}

TEST(Json, DuplicateKeysAreAnError) {
  EXPECT_EQ(error_of("{\"a\": 1, \"b\": {\"a\": 2}, \"\\u0061\": 3}"),
            "f.json: byte 24 (line 1, column 25): the key \"a\" stands twice in one object");
  EXPECT_EQ(error_of("{\"a\": {\"x\": 1}, \"b\": {\"x\": 1}}"), "no error");
  EXPECT_EQ(error_of("{\"\": 1, \"\": 2}"),
            "f.json: byte 8 (line 1, column 9): the key \"\" stands twice in one object");
}

TEST(Json, LimitsStopBeforeMoreIsAllocated) {
  EXPECT_EQ(error_of("[[[1]]]", {.depth = 2}),
            "f.json: byte 2 (line 1, column 3): more than 2 arrays and objects inside each other");
  EXPECT_EQ(error_of("[[1]]", {.depth = 2}), "no error");
  EXPECT_EQ(error_of("[1, 2, 3]", {.values = 3}),
            "f.json: byte 7 (line 1, column 8): more than 3 values and keys");
  EXPECT_EQ(error_of("[1, 2]", {.values = 3}), "no error");
  EXPECT_EQ(error_of("[1, 2]", {.bytes = 5}), "f.json: the text has 6 bytes, at most 5 are read");
}

TEST(Json, AMillionBracketsNeedNoStack) {
  const std::string open(1000000, '[');
  EXPECT_PRED_FORMAT2(testing::IsSubstring, "more than 64 arrays and objects", error_of(open));
  const Limits deep = {.depth = 1000000};
  const Document document = Document::parse("f", open + std::string(1000000, ']'), deep);
  EXPECT_EQ(document.root().items().size(), 1U);
  EXPECT_PRED_FORMAT2(testing::IsSubstring, "unexpected end of input", error_of(open, deep));
}

TEST(Json, BytesAreCountedFromTheFirstOneOfATextInsideAFile) {
  const Document document = Document::parse("f", "{\n\"a\": 1}", {}, 100);
  EXPECT_EQ(document.root().at("a").offset(), 107U);
  EXPECT_ERROR(Error, "f: byte 107: /a: expected a string, got 1",
               document.root().at("a").string());
  EXPECT_ERROR(Error, "f: byte 100: the key \"a\" stands twice in one object",
               Document::parse("f", "{\"b\":1,\"a\":1,\"a\":2}", {}, 87));
}

TEST(Json, TellsUtf8) {
  EXPECT_TRUE(ff::json::is_utf8(""));
  EXPECT_TRUE(ff::json::is_utf8(std::string("a\0\xF0\x9F\x98\x80", 6)));
  EXPECT_FALSE(ff::json::is_utf8("\xC3"));
  EXPECT_FALSE(ff::json::is_utf8("\xED\xA0\x80"));
}

TEST(Json, ADocumentCanBeMoved) {
  Document document = Document::parse("f", "[1, 2]");
  const Value first = document.root().items()[0];
  const Document moved = std::move(document);
  EXPECT_EQ(first.integer(0, 9), 1);
  EXPECT_EQ(moved.root().items().size(), 2U);
}

}  // namespace
