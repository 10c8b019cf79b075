#include "storage/state_format.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>

#include "storage/read_error.h"
#include "support/expect_error.h"

namespace {

using ff::storage::make_state_json;
using ff::storage::parse_state_json;
using ff::storage::QuantizerRecord;
using ff::storage::ReadError;
using ff::storage::StateRecord;
using ff::storage::StateValues;

StateRecord example() {
  StateRecord state;
  state.library = "0.1.0";
  state.fingerprint = "hash";
  state.tensors = {{"a", "F32", {2, 3}, ""}, {"b", "F32", {2, 3}, "a"}, {"c", "I64", {}, ""}};
  QuantizerRecord quantizer;
  quantizer.places = {"x.q", "y.q"};
  quantizer.type = "LinearQuantizer";
  quantizer.settings = {{"num_bits", std::int64_t{8}}, {"symmetric", true}};
  quantizer.parameters = {"scale", "offset"};
  quantizer.trained = {"scale"};
  quantizer.buffers = {"count"};
  quantizer.tags = {"parameter", "parameter/weight"};
  quantizer.shape = std::vector<std::int64_t>{2, 3};
  state.quantizers = {quantizer};
  return state;
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

TEST(StateFormat, ReadsWhatItWrites) {
  const StateRecord state = example();
  const StateRecord got = parse_state_json(make_state_json(state));
  EXPECT_EQ(got.library, "0.1.0");
  EXPECT_EQ(got.fingerprint, "hash");
  EXPECT_EQ(got.tensors, state.tensors);
  ASSERT_EQ(got.quantizers.size(), 1U);
  const QuantizerRecord &a = got.quantizers[0], &b = state.quantizers[0];
  EXPECT_EQ(a.places, b.places);
  EXPECT_EQ(a.type, b.type);
  EXPECT_EQ(a.settings, b.settings);
  EXPECT_EQ(a.parameters, b.parameters);
  EXPECT_EQ(a.trained, b.trained);
  EXPECT_EQ(a.buffers, b.buffers);
  EXPECT_EQ(a.tags, b.tags);
  EXPECT_EQ(a.shape, b.shape);
}

TEST(StateFormat, EveryValueKeepsTypeAndBits) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const StateValues values = {
      {"none", std::monostate()},
      {"bool", false},
      {"int", std::numeric_limits<std::int64_t>::min()},
      {"whole float", 1.0},
      {"float", 0.1},
      {"large", 1e22},
      {"largest", std::numeric_limits<double>::max()},
      {"tiny", std::numeric_limits<double>::denorm_min()},
      {"minus inf", -kInfinity},
      {"text", std::string("a\0\"\n\xC3\xA9", 6)},
      {"bools", std::vector<bool>{true, false}},
      {"ints", std::vector<std::int64_t>{-1, 2}},
      {"no ints", std::vector<std::int64_t>()},
      {"floats", std::vector<double>{1.0, -kInfinity, 0.3}},
      {"no floats", std::vector<double>()},
      {"texts", std::vector<std::string>{"", "b"}},
  };
  StateRecord state = example();
  state.quantizers[0].attributes = values;
  EXPECT_EQ(parse_state_json(make_state_json(state)).quantizers[0].attributes, values);

  state.quantizers[0].attributes = {{"nan", std::nan("")}, {"minus zero", -0.0}};
  const auto got = parse_state_json(make_state_json(state)).quantizers[0].attributes;
  EXPECT_TRUE(std::isnan(std::get<double>(got.at("nan"))));
  EXPECT_TRUE(std::signbit(std::get<double>(got.at("minus zero"))));
}

TEST(StateFormat, AMistakeNamesItsPlace) {
  const std::string good = make_state_json(example());
  const auto expect = [&](const std::string& from, const std::string& to, const std::string& part) {
    EXPECT_ERROR(ReadError, part, parse_state_json(replaced(good, from, to)));
  };
  expect("\"version\": 1", "\"version\": 2",
         "state: /version: version 2, which a newer library wrote; this one reads up to 1");
  expect("\"version\": 1", "\"version\": \"1\"", "state: /version: expected an integer from 1 to");
  expect("\"library\"", "\"book\"", "state: unknown key \"book\"");
  expect("\"dtype\": \"F32\"", "\"dtype\": 7", "state: /tensors/0/dtype: expected a string, got 7");
  expect("[2, 3]", "[2, -3]", "state: /tensors/0/shape/1: expected an integer from 0 to");
  expect("\"same_as\": \"a\"", "\"same_as\": \"z\"",
         "state: /tensors/1/same_as: no tensor before this one is named \"z\"");
  expect("\"name\": \"b\"", "\"name\": \"a\"",
         "/tensors/1/name: the tensor \"a\" stands there twice");
  expect("[\"x.q\", \"y.q\"]", "[]", "/quantizers/0/places: expected at least one place");
  expect("[\"x.q\", \"y.q\"]", "[\"x\", \"x\"]",
         "/quantizers/0/places: the place \"x\" stands there twice");
  expect("[\"count\"]", "[\"scale\"]", "/quantizers/0: a name stands twice in \"parameters\" and");
  expect("\"trained\": [\"scale\"]", "\"trained\": [\"count\"]",
         "/quantizers/0/trained: \"count\" is not one of the parameters");
  expect("\"num_bits\": 8", "\"num_bits\": {\"int\": 8}",
         "/quantizers/0/settings/num_bits: expected one key: \"float\", \"floats\", \"bools\" or");
  expect("\"num_bits\": 8", "\"num_bits\": [\"8\"]",
         "/quantizers/0/settings/num_bits/0: expected an integer");
  expect("\"num_bits\": 8", "\"num_bits\": 8, \"num_bits\": 8", "\"num_bits\" stands twice");
  expect("\"num_bits\": 8", "\"num_bits\": [[[[[[8]]]]]]", "inside each other");
  EXPECT_ERROR(ReadError, "state: byte 0", parse_state_json(""));
  EXPECT_ERROR(ReadError, "state: expected an object, got an empty array", parse_state_json("[]"));
}

TEST(StateFormat, TextThatIsNoUtf8CannotBeWritten) {
  StateRecord state = example();
  state.quantizers[0].tags = {"\xff"};
  EXPECT_ERROR(ReadError, "is not UTF-8", make_state_json(state));
}

}  // namespace
