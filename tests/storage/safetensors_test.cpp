#include "fastforward/storage/safetensors.h"

#include <c10/util/Exception.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <torch/types.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "fastforward/quantization/affine.h"
#include "fastforward/tensor/quantized_tensor.h"
#include "storage/safetensors_folder.h"
#include "support/tensors.h"

namespace {

using Safetensors = ff::test::SafetensorsFolder;
namespace fs = std::filesystem;
using ff::storage::read_safetensors;
using ff::storage::SafetensorsFile;
using ff::storage::write_safetensors;
using ff::test::bytes_of;
using ff::test::write_bytes;
using Tensors = std::map<std::string, torch::Tensor>;

// Equal bit for bit, NaN included.
void expect_same_bytes(const torch::Tensor& got, const torch::Tensor& expected) {
  ASSERT_EQ(got.scalar_type(), expected.scalar_type());
  ASSERT_EQ(got.sizes(), expected.sizes());
  const torch::Tensor plain = expected.contiguous();
  EXPECT_TRUE(got.is_contiguous());
  if (plain.nbytes() > 0) {
    EXPECT_EQ(std::memcmp(got.const_data_ptr(), plain.const_data_ptr(), plain.nbytes()), 0);
  }
}

// All bytes 0..255, as often as the type wants, in the type.
torch::Tensor every_byte(torch::ScalarType type) {
  const torch::Tensor bytes = torch::arange(256, torch::kInt).to(torch::kByte);
  return type == torch::kBool ? bytes.gt(100) : bytes.view(type);
}

constexpr torch::ScalarType kTypes[] = {torch::kBool,
                                        torch::kByte,
                                        torch::kChar,
                                        torch::kShort,
                                        torch::kInt,
                                        torch::kLong,
                                        torch::kUInt16,
                                        torch::kUInt32,
                                        torch::kUInt64,
                                        torch::kHalf,
                                        torch::kBFloat16,
                                        torch::kFloat,
                                        torch::kDouble,
                                        torch::kComplexFloat,
                                        torch::kFloat8_e5m2,
                                        torch::kFloat8_e4m3fn,
                                        torch::kFloat8_e5m2fnuz,
                                        torch::kFloat8_e4m3fnuz,
                                        torch::kFloat8_e8m0fnu};

TEST_F(Safetensors, EveryTypeKeepsItsBits) {
  Tensors tensors;
  for (const torch::ScalarType type : kTypes)
    tensors[c10::toString(type)] = every_byte(type);
  write_safetensors(path(), tensors, {{"format", "pt"}});
  const SafetensorsFile file(path());
  EXPECT_EQ(file.metadata(), (std::map<std::string, std::string>{{"format", "pt"}}));
  EXPECT_EQ(file.names().size(), std::size(kTypes));
  for (const auto& [name, tensor] : tensors) {
    SCOPED_TRACE(name);
    ASSERT_TRUE(file.has(name));
    EXPECT_EQ(file.entry(name).scalar_type, tensor.scalar_type());
    EXPECT_EQ(file.entry(name).bytes, tensor.nbytes());
    expect_same_bytes(file.tensor(name), tensor);
  }
}

TEST_F(Safetensors, ShapesKeepTheirZerosAndScalarsStayScalars) {
  const Tensors tensors = {{"scalar", torch::tensor(7.0)},
                           {"empty", torch::empty({2, 0, 3})},
                           {"deep", torch::ones(std::vector<int64_t>(64, 1))}};
  write_safetensors(path(), tensors);
  const Tensors got = read_safetensors(path());
  ASSERT_EQ(got.size(), 3U);
  for (const auto& [name, tensor] : tensors)
    expect_same_bytes(got.at(name), tensor);
  write_safetensors(path(), {});
  EXPECT_TRUE(read_safetensors(path()).empty());
}

TEST_F(Safetensors, AnyStridesAreWrittenAsContiguous) {
  const torch::Tensor data = torch::arange(24, torch::kFloat).view({2, 3, 4});
  const torch::Tensor complex = torch::complex(data, data + 1);
  const Tensors tensors = {
      {"permuted", data.permute({2, 0, 1})},
      {"expanded", data.narrow(0, 0, 1).expand({5, 3, 4})},
      {"stepped", data.slice(2, 0, 4, 2)},
      {"conjugate", torch::conj(complex)},
      {"negative", torch::imag(torch::conj(complex))},
      {"trained", torch::ones({3}, torch::requires_grad())},
  };
  write_safetensors(path(), tensors);
  const Tensors got = read_safetensors(path());
  for (const auto& [name, tensor] : tensors) {
    EXPECT_TRUE(got.at(name).equal(tensor)) << name;
    EXPECT_TRUE(got.at(name).is_contiguous()) << name;
    EXPECT_FALSE(got.at(name).requires_grad()) << name;
  }
}

TEST_F(Safetensors, TensorsThatShareMemoryAreWrittenInFull) {
  const torch::Tensor data = torch::arange(6, torch::kFloat);
  write_safetensors(path(), {{"all", data}, {"part", data.slice(0, 2, 4)}, {"same", data}});
  Tensors got = read_safetensors(path());
  EXPECT_TRUE(got.at("part").equal(data.slice(0, 2, 4)));
  got.at("all").zero_();
  EXPECT_TRUE(got.at("same").equal(data));
}

TEST_F(Safetensors, TensorsLieInTheMappedFileAndKeepItOpen) {
  write_safetensors(path(), {{"a", torch::arange(1000, torch::kFloat)}, {"b", torch::ones({3})}});
  torch::Tensor first, second;
  {
    const SafetensorsFile file(path());
    first = file.tensor("a");
    second = file.tensor("a");
    EXPECT_EQ(first.const_data_ptr(), second.const_data_ptr());
    EXPECT_NE(first.const_data_ptr(), SafetensorsFile(path()).tensor("a").const_data_ptr());
  }
  fs::remove(path());
  EXPECT_TRUE(first.equal(torch::arange(1000, torch::kFloat)));
}

TEST_F(Safetensors, WritingToATensorNeverReachesTheFile) {
  write_safetensors(path(), {{"a", torch::ones({5})}});
  const std::string before = bytes_of(path());
  const SafetensorsFile file(path());
  file.tensor("a").fill_(7);
  EXPECT_EQ(bytes_of(path()), before);
  EXPECT_TRUE(file.tensor("a").equal(torch::full({5}, 7.0)));
  EXPECT_TRUE(SafetensorsFile(path()).tensor("a").equal(torch::ones({5})));
}

TEST_F(Safetensors, AFileCanBeWrittenFromTensorsThatLieInIt) {
  write_safetensors(path(), {{"a", torch::arange(100000, torch::kFloat)}});
  Tensors tensors = read_safetensors(path());
  tensors["b"] = tensors.at("a") + 1;
  write_safetensors(path(), tensors);
  EXPECT_TRUE(read_safetensors(path()).at("b").equal(torch::arange(1, 100001, torch::kFloat)));
}

TEST_F(Safetensors, UnalignedDataAreCopied) {
  const float values[] = {1.5F, -2.0F};
  std::string data = "x";
  data.append(reinterpret_cast<const char*>(values), sizeof values);
  const std::string header =
      "{\"x\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
      "\"y\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[1,9]}}";
  const SafetensorsFile unaligned(
      file(header + std::string((8 - header.size() % 8) % 8, ' '), data));
  const torch::Tensor y = unaligned.tensor("y");
  EXPECT_EQ(reinterpret_cast<uintptr_t>(y.const_data_ptr()) % 4, 0U);
  EXPECT_TRUE(y.equal(torch::tensor({1.5F, -2.0F})));
}

TEST_F(Safetensors, OpeningTouchesTheHeaderOnly) {
  // 4 GB of data in a sparse file; nothing of it is read.
  const std::string header =
      "{\"a\":{\"dtype\":\"U8\",\"shape\":[4294967296],\"data_offsets\":[0,4294967296]}}";
  file(header, "");
  fs::resize_file(path(), 8 + header.size() + (int64_t{1} << 32));
  rusage before = {}, after = {};
  ::getrusage(RUSAGE_SELF, &before);
  const SafetensorsFile large(path());
  const torch::Tensor a = large.tensor("a");
  EXPECT_EQ(a[4294967295].item<int>(), 0);
  ::getrusage(RUSAGE_SELF, &after);
  EXPECT_LT(after.ru_maxrss - before.ru_maxrss, 100 << 10);  // in KB: far from 4 GB
}

}  // namespace
