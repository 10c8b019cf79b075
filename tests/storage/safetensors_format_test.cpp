#include "storage/safetensors_format.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "storage/read_error.h"
#include "support/expect_error.h"

namespace {

using ff::storage::make_safetensors_start;
using ff::storage::parse_safetensors_header;
using ff::storage::ReadError;
using ff::storage::safetensors_header_bytes;
using ff::storage::SafetensorsHeader;
using ff::storage::SafetensorsRecord;
using ff::storage::SafetensorsType;

// Parses a header before `data_bytes` bytes of data.
SafetensorsHeader parse(const std::string& text, std::uint64_t data_bytes) {
  return parse_safetensors_header(text, 8 + text.size() + data_bytes);
}

std::string tensor(const std::string& name, const std::string& dtype, const std::string& shape,
                   const std::string& offsets) {
  return "\"" + name + "\":{\"dtype\":\"" + dtype + "\",\"shape\":" + shape +
         ",\"data_offsets\":" + offsets + "}";
}

std::size_t header_bytes(const std::string& start, std::uint64_t file_bytes) {
  return safetensors_header_bytes(std::as_bytes(std::span(start)), file_bytes);
}

TEST(SafetensorsFormat, ReadsTensorsInTheOrderOfTheirData) {
  const SafetensorsHeader header = parse(
      "{" + tensor("b", "F32", "[2,2]", "[3,19]") + "," + tensor("a", "I8", "[3]", "[0,3]") +
          ",\"__metadata__\":{\"format\":\"pt\"}," + tensor("c", "U8", "[]", "[19,20]") + "}  ",
      20);
  ASSERT_EQ(header.tensors.size(), 3U);
  EXPECT_EQ(header.tensors[0].name, "a");
  EXPECT_EQ(header.tensors[1].name, "b");
  EXPECT_EQ(header.tensors[1].type, SafetensorsType::kF32);
  EXPECT_EQ(header.tensors[1].shape, (std::vector<std::int64_t>{2, 2}));
  EXPECT_EQ(header.tensors[1].bytes, 16U);
  EXPECT_EQ(header.tensors[1].offset, header.tensors[0].offset + 3);
  EXPECT_EQ(header.tensors[2].bytes, 1U);
  EXPECT_EQ(header.metadata, (std::map<std::string, std::string>{{"format", "pt"}}));
}

TEST(SafetensorsFormat, EmptyTensorsTakeNoData) {
  const SafetensorsHeader header =
      parse("{" + tensor("b", "U8", "[1]", "[0,1]") + "," + tensor("a", "F64", "[3,0]", "[0,0]") +
                "," + tensor("z", "F64", "[0]", "[1,1]") + "}",
            1);
  EXPECT_EQ(header.tensors[0].name, "a");
  EXPECT_EQ(header.tensors[0].bytes, 0U);
  EXPECT_TRUE(parse("{}", 0).tensors.empty());
}

TEST(SafetensorsFormat, SubByteTypesMustFillWholeBytes) {
  EXPECT_EQ(parse("{" + tensor("a", "F4", "[2,3]", "[0,3]") + "}", 3).tensors[0].bytes, 3U);
  EXPECT_EQ(parse("{" + tensor("a", "F6_E2M3", "[4]", "[0,3]") + "}", 3).tensors[0].bytes, 3U);
  EXPECT_ERROR(ReadError, "F4 [3] takes 12 bits, not whole bytes",
               parse("{" + tensor("a", "F4", "[3]", "[0,2]") + "}", 2));
}

TEST(SafetensorsFormat, TheLengthOfTheHeaderIsChecked) {
  EXPECT_EQ(header_bytes(std::string("\x02\0\0\0\0\0\0\0", 8), 10), 2U);
  EXPECT_ERROR(ReadError, "byte 3: the file ends inside its first 8 bytes", header_bytes("abc", 3));
  EXPECT_ERROR(ReadError,
               "byte 0: the header is said to have 3 bytes, but the file has 10 bytes in all",
               header_bytes(std::string("\x03\0\0\0\0\0\0\0", 8), 10));
  EXPECT_ERROR(ReadError,
               "byte 0: the header is said to have 18446744073709551615 bytes, at most 100000000 "
               "are allowed",
               header_bytes(std::string(8, '\xff'), std::uint64_t{1} << 62));
  EXPECT_ERROR(ReadError, "at most 100000000 are allowed",
               header_bytes(std::string("\x01\xe1\xf5\x05\0\0\0\0", 8), 1000000000));
  EXPECT_EQ(header_bytes(std::string("\x00\xe1\xf5\x05\0\0\0\0", 8), 1000000000), 100000000U);
}

TEST(SafetensorsFormat, AHeaderIsAnObjectPaddedWithSpaces) {
  EXPECT_ERROR(ReadError, "byte 8: the header does not begin with '{'", parse("", 0));
  EXPECT_ERROR(ReadError, "byte 8: the header does not begin with '{'", parse(" {}", 0));
  EXPECT_ERROR(ReadError, "byte 8: the header does not begin with '{'", parse("[]", 0));
  EXPECT_ERROR(ReadError, "byte 10: expected the end of the header", parse("{}\n", 0));
  EXPECT_ERROR(ReadError, "byte 10: expected the end of the header",
               parse(std::string("{}\0", 3), 0));
  EXPECT_ERROR(ReadError, "header: byte 10: syntax error", parse("{}{}", 0));
  EXPECT_ERROR(ReadError, "header: byte 9: syntax error", parse("{a}", 0));
}

TEST(SafetensorsFormat, EveryMistakeNamesItsByte) {
  const auto expect = [](const std::string& text, std::uint64_t data, const std::string& part) {
    EXPECT_ERROR(ReadError, part, parse(text, data));
  };
  const auto one = [](const std::string& dtype, const std::string& shape,
                      const std::string& offsets) {
    return "{" + tensor("a", dtype, shape, offsets) + "}";
  };
  expect(one("Q4", "[1]", "[0,1]"), 1,
         "header: byte 22: /a/dtype: expected one of \"BOOL\", \"F4\", \"F6_E2M3\", \"F6_E3M2\", "
         "\"U8\", \"I8\", \"F8_E5M2\", \"F8_E4M3\", \"F8_E8M0\", \"F8_E4M3FNUZ\", \"F8_E5M2FNUZ\", "
         "\"I16\", \"U16\", \"F16\", \"BF16\", \"I32\", \"U32\", \"F32\", \"C64\", \"F64\", "
         "\"I64\", \"U64\", got \"Q4\"");
  expect(one("U8", "[-1]", "[0,1]"), 1,
         "byte 36: /a/shape/0: expected an integer from 0 to 9223372036854775807, got -1");
  expect(one("U8", "[1.0]", "[0,1]"), 1, "byte 36: /a/shape/0: expected an integer from 0 to");
  expect(one("U8", "3", "[0,1]"), 1, "byte 35: /a/shape: expected an array, got 3");
  expect(one("U8", "[1]", "[0,1,2]"), 2,
         "/a/data_offsets: expected begin and end, got an array of 3");
  expect(one("U8", "[1]", "[0,-1]"), 1, "/a/data_offsets/1: expected an integer from 0 to");
  expect(one("U8", "[2]", "[2,0]"), 2, "/a/data_offsets: [2, 0], but U8 [2] takes 2 bytes");
  expect(one("F32", "[2]", "[0,2]"), 2, "/a/data_offsets: [0, 2], but F32 [2] takes 8 bytes");
  expect(one("U8", "[0]", "[0,1]"), 1, "/a/data_offsets: [0, 1], but U8 [0] takes 0 bytes");
  expect("{\"a\":{\"dtype\":\"U8\",\"shape\":[1]}}", 1,
         "byte 13: /a: the key \"data_offsets\" is missing");
  expect("{\"a\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[0,1],\"strides\":[]}}", 1,
         "byte 13: /a: unknown key \"strides\"; known are \"dtype\", \"shape\", \"data_offsets\"");
  expect("{\"a\":7}", 0, "byte 13: /a: expected an object, got 7");
  expect("{\"__metadata__\":{\"a\":1}}", 0, "byte 29: /__metadata__/a: expected a string, got 1");
  expect("{\"__metadata__\":null}", 0, "/__metadata__: expected an object, got null");
  expect("{" + tensor("a", "U8", "[1]", "[0,1]") + "," + tensor("a", "U8", "[1]", "[1,2]") + "}", 2,
         "the key \"a\" stands twice in one object");
  expect("{\"__metadata__\":{\"a\":\"1\",\"a\":\"2\"}}", 0, "the key \"a\" stands twice");
  expect("{\"a\":{\"dtype\":[[\"U8\"]]}}", 0, "more than 3 arrays and objects inside each other");
  expect("{\"\xff\":1}", 0, "ill-formed UTF-8 byte");
}

TEST(SafetensorsFormat, SizesThatOverflowAreAnError) {
  for (const char* shape :
       {"[9223372036854775807,2]", "[4294967296,4294967296,4294967296]",
        "[0,4294967296,4294967296]", "[9223372036854775807,0]", "[288230376151711744]"}) {
    EXPECT_ERROR(ReadError, "makes the tensor larger than 2^57 elements",
                 parse("{" + tensor("a", "U64", shape, "[0,0]") + "}", 0));
  }
  EXPECT_ERROR(ReadError,
               "expected an integer from 0 to 9223372036854775807, got 18446744073709551616",
               parse("{" + tensor("a", "U8", "[18446744073709551616]", "[0,0]") + "}", 0));
  // A tensor of 1 TB in a file of a few bytes.
  EXPECT_ERROR(ReadError,
               "the file ends inside tensor \"a\", U8 [1099511627776], which goes on to byte",
               parse("{" + tensor("a", "U8", "[1099511627776]", "[0,1099511627776]") + "}", 4));
  EXPECT_ERROR(ReadError, "/a/shape: expected at most 64 sizes, got an array of 65", [] {
    std::string shape = "[1";
    for (int i = 0; i < 64; ++i)
      shape += ",1";
    return parse("{" + tensor("a", "U8", shape + "]", "[0,1]") + "}", 1);
  }());
}

TEST(SafetensorsFormat, DataCoverTheRestOfTheFile) {
  const auto two = [](const std::string& first, const std::string& second) {
    return "{" + tensor("a", "U8", "[2]", first) + "," + tensor("b", "U8", "[2]", second) + "}";
  };
  const std::string good = two("[0,2]", "[2,4]");
  const std::string start = std::to_string(8 + good.size());
  EXPECT_EQ(parse(good, 4).tensors.size(), 2U);
  EXPECT_ERROR(ReadError,
               "byte " + std::to_string(9 + good.size()) +
                   ": tensor \"b\", U8 [2] begins here, but the data before it end at byte " +
                   std::to_string(10 + good.size()) + ": they overlap",
               parse(two("[0,2]", "[1,3]"), 3));
  EXPECT_ERROR(ReadError, "there is a hole", parse(two("[0,2]", "[3,5]"), 5));
  EXPECT_ERROR(ReadError,
               "tensor \"a\", U8 [2] begins here, but the data before it end at byte " + start +
                   ": there is a hole",
               parse(two("[1,3]", "[3,5]"), 5));
  EXPECT_ERROR(ReadError, "they overlap", parse(two("[0,2]", "[0,2]"), 4));
  EXPECT_ERROR(ReadError,
               "byte " + std::to_string(8 + good.size() + 3) +
                   ": the file ends inside tensor \"b\", U8 [2], which goes on to byte " +
                   std::to_string(8 + good.size() + 4),
               parse(good, 3));
  EXPECT_ERROR(ReadError,
               "byte " + std::to_string(8 + good.size() + 4) +
                   ": expected the end of the file after the last tensor, but 1 more bytes follow",
               parse(good, 5));
}

// The bytes of the reference implementation's own tests (safetensors/src/tensor.rs, test_empty and
// test_serialization_forced_alignement).
TEST(SafetensorsFormat, WritesTheBytesOfTheReference) {
  std::vector<SafetensorsRecord> none;
  EXPECT_EQ(make_safetensors_start(none, {}), std::string("\x08\0\0\0\0\0\0\0{}      ", 16));
  EXPECT_EQ(
      make_safetensors_start(none, {{"framework", "pt"}}),
      std::string("\x28\0\0\0\0\0\0\0", 8) + "{\"__metadata__\":{\"framework\":\"pt\"}}     ");
  SafetensorsRecord record;
  record.name = "attn0";
  record.type = SafetensorsType::kF32;
  record.shape = {1, 1, 2, 3};
  record.bytes = 24;
  std::vector<SafetensorsRecord> records = {record};
  const std::string start = make_safetensors_start(records, {});
  EXPECT_EQ(start, std::string("\x48\0\0\0\0\0\0\0", 8) +
                       "{\"attn0\":{\"dtype\":\"F32\",\"shape\":[1,1,2,3],\"data_offsets\":[0,24]}}"
                       "       ");
  EXPECT_EQ(records[0].offset, start.size());
}

TEST(SafetensorsFormat, WhatIsWrittenReadsTheSame) {
  std::vector<SafetensorsRecord> records;
  for (const char* name : {"", "a/b", "\"\\\n", "\xC3\xA9"}) {
    SafetensorsRecord record;
    record.name = name;
    record.type = SafetensorsType::kI16;
    record.shape = {3};
    record.bytes = 6;
    records.push_back(record);
  }
  const std::map<std::string, std::string> metadata = {{"", "\t"}, {"k", "{\"json\": [1]}"}};
  const std::string start = make_safetensors_start(records, metadata);
  const SafetensorsHeader header =
      parse_safetensors_header(start.substr(8), start.size() + 6 * records.size());
  EXPECT_EQ(header.metadata, metadata);
  ASSERT_EQ(header.tensors.size(), records.size());
  for (std::size_t i = 0; i < records.size(); ++i) {
    EXPECT_EQ(header.tensors[i].name, records[i].name);
    EXPECT_EQ(header.tensors[i].offset, records[i].offset);
    EXPECT_EQ(header.tensors[i].shape, records[i].shape);
  }
}

}  // namespace
