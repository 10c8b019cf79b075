// Bad files, missing tensors, and what no file can hold.

#include <c10/util/Exception.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <torch/types.h>

#include <optional>
#include <string>
#include <vector>

#include "fastforward/quantization/affine.h"
#include "fastforward/storage/safetensors.h"
#include "storage/safetensors_folder.h"
#include "support/expect_error.h"

namespace {

namespace fs = std::filesystem;
using ff::storage::SafetensorsFile;
using ff::storage::write_safetensors;
using ff::test::bytes_of;
using ff::test::write_bytes;

using SafetensorsMisuse = ff::test::SafetensorsFolder;

TEST_F(SafetensorsMisuse, ATypeThatLibTorchLacksIsAnErrorWhenItIsAskedFor) {
  const SafetensorsFile mixed(
      file("{\"f4\":{\"dtype\":\"F4\",\"shape\":[2],\"data_offsets\":[0,1]},"
           "\"u8\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,2]}}",
           "ab"));
  EXPECT_EQ(mixed.entry("f4").dtype, "F4");
  EXPECT_FALSE(mixed.entry("f4").scalar_type.has_value());
  EXPECT_EQ(mixed.tensor("u8").item<int>(), 'b');
  EXPECT_ERROR(c10::NotImplementedError,
               "SafetensorsFile: '" + path().string() +
                   "': tensor \"f4\": LibTorch has no type for F4; convert the file",
               mixed.tensor("f4"));
  EXPECT_ERROR(c10::NotImplementedError, "LibTorch has no type for F4", mixed.tensors());
}

TEST_F(SafetensorsMisuse, ABoolIsZeroOrOne) {
  const std::string header = "{\"a\":{\"dtype\":\"BOOL\",\"shape\":[3],\"data_offsets\":[0,3]}}";
  EXPECT_ERROR(c10::ValueError,
               "tensor \"a\": byte " + std::to_string(8 + header.size() + 2) +
                   ": a BOOL is 2; expected 0 or 1",
               SafetensorsFile(file(header, std::string("\0\1\2", 3))).tensor("a"));
}

TEST_F(SafetensorsMisuse, AMissingTensorIsNamed) {
  write_safetensors(path(), {{"a", torch::ones({1})}, {"b", torch::ones({1})}});
  const SafetensorsFile file(path());
  EXPECT_ERROR(
      c10::ValueError,
      "SafetensorsFile: '" + path().string() + "': no tensor \"c\"; it has 2, the first is \"a\"",
      file.tensor("c"));
  EXPECT_ERROR(c10::ValueError, "no tensor \"c\"", file.entry("c"));
  write_safetensors(path(), {});
  EXPECT_ERROR(c10::ValueError, "no tensor \"\"; the file has none",
               SafetensorsFile(path()).tensor(""));
}

TEST_F(SafetensorsMisuse, WhatIsNoFileIsNamed) {
  EXPECT_ERROR(
      c10::ValueError,
      "SafetensorsFile: '" + path().string() + "' cannot be opened: No such file or directory",
      SafetensorsFile(path()));
  EXPECT_ERROR(c10::ValueError, "' is not a regular file", SafetensorsFile(folder_));
  EXPECT_ERROR(c10::ValueError, "'/dev/null' is not a regular file", SafetensorsFile("/dev/null"));
  ASSERT_EQ(::mkfifo((folder_ / "fifo").c_str(), 0600), 0);
  EXPECT_ERROR(c10::ValueError, "' is not a regular file", SafetensorsFile(folder_ / "fifo"));
}

TEST_F(SafetensorsMisuse, AnErrorNamesFileAndByte) {
  EXPECT_ERROR(
      c10::ValueError,
      "SafetensorsFile: '" + path().string() + "': byte 0: the file ends inside its first 8 bytes",
      SafetensorsFile(write_bytes(path(), "")));
  EXPECT_ERROR(c10::ValueError, "': header: byte 9: syntax error",
               SafetensorsFile(file("{a}", "")));
  EXPECT_ERROR(c10::ValueError, "': header: byte 13: /a: expected an object, got 1",
               SafetensorsFile(file("{\"a\":1}", "")));
}

TEST_F(SafetensorsMisuse, AFileCutAnywhereIsAnError) {
  write_safetensors(path(), {{"a", torch::arange(5, torch::kFloat)}, {"b", torch::ones({2})}});
  const std::string whole = bytes_of(path());
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_THROW(SafetensorsFile(write_bytes(path(), whole.substr(0, size))), c10::ValueError)
        << size;
  }
  EXPECT_ERROR(c10::ValueError, "more bytes follow",
               SafetensorsFile(write_bytes(path(), whole + "x")));
}

TEST_F(SafetensorsMisuse, NothingIsAllocatedForAnnouncedSizes) {
  // 1 PB in a sparse file of 1 MB: a limit on memory would be hit by any allocation for it.
  const fs::path bad = file(
      "{\"a\":{\"dtype\":\"U8\",\"shape\":[1125899906842624],\"data_offsets\":[0,1125899906842624]}"
      "}",
      std::string(1 << 20, 'x'));
  EXPECT_ERROR(c10::ValueError, "the file ends inside tensor \"a\"", SafetensorsFile(bad));
}

TEST_F(SafetensorsMisuse, WhatCannotBeWrittenIsRefused) {
  const auto expect = [&]<typename Error>(const Error*, const std::string& name,
                                          const torch::Tensor& tensor, const std::string& part) {
    EXPECT_ERROR(Error, part, write_safetensors(path(), {{name, tensor}}));
    EXPECT_FALSE(fs::exists(path()));
  };
  const c10::ValueError* value = nullptr;
  const c10::TypeError* type = nullptr;
  expect(value, "a", {}, "tensor \"a\": it is undefined; leave it out");
  expect(value, "__metadata__", torch::ones({1}),
         "the name cannot be written; expected UTF-8 other");
  expect(value, "\xff", torch::ones({1}), "the name cannot be written; expected UTF-8 other");
  expect(value, "a", torch::ones(std::vector<int64_t>(65, 1)), "it has 65 dimensions");
  expect(type, "a", torch::ones({1}, torch::kComplexDouble),
         "the format has no type for ComplexDouble; convert it");
  expect(type, "a", torch::ones({2, 2}).to_sparse(), "it has no plain memory (layout Sparse");
  expect(type, "a", torch::empty({2}, torch::kMeta),
         "it has no plain memory (layout Strided, device meta");
  expect(type, "a", torch::quantize_per_tensor(torch::ones({2}), 0.1, 0, torch::kQInt8),
         "it has no plain memory");
  expect(type, "a",
         ff::AffineQuantizationFunction::apply(torch::ones({2}), torch::ones({1}), std::nullopt,
                                               ff::PerTensor(), 8, std::nullopt),
         "it is quantized, which the format has no type for; write ff::dequantize of it");
  EXPECT_ERROR(c10::ValueError, "metadata \"k\": expected UTF-8",
               write_safetensors(path(), {}, {{"k", "\xff"}}));
  EXPECT_ERROR(c10::Error, "cannot be opened: No such file or directory",
               write_safetensors(folder_ / "absent" / "x", {}));
}

}  // namespace
