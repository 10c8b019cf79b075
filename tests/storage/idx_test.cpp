#include "fastforward/storage/idx.h"

#include <ATen/ops/equal.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/tensor.h>
#include <c10/util/Exception.h>
#include <gtest/gtest.h>
#include <unistd.h>
#include <zlib.h>

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <limits>
#include <string>
#include <vector>

namespace {

class Idx : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    folder_ = std::filesystem::temp_directory_path() /
              ("ff_idx_" + std::string(test->name()) + "_" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override {
    std::filesystem::remove_all(folder_);
  }

  std::filesystem::path file(const std::string& bytes) {
    const std::filesystem::path path = folder_ / "data.idx";
    std::ofstream(path, std::ios::binary) << bytes;
    return path;
  }

  at::Tensor read(const std::string& bytes) {
    return ff::storage::read_idx(file(bytes));
  }

  std::string error_of(const std::string& bytes) {
    return error_of_path(file(bytes));
  }

  static std::string error_of_path(const std::filesystem::path& path) {
    try {
      ff::storage::read_idx(path);
    } catch (const c10::ValueError& error) {
      return error.what_without_backtrace();
    }
    return "no error";
  }

  std::filesystem::path folder_;
};

std::string big_endian(std::uint32_t value) {
  return {static_cast<char>(value >> 24), static_cast<char>(value >> 16),
          static_cast<char>(value >> 8), static_cast<char>(value)};
}

std::string idx(char type, const std::vector<std::uint32_t>& sizes, const std::string& payload) {
  std::string bytes = {'\0', '\0', type, static_cast<char>(sizes.size())};
  for (const std::uint32_t size : sizes) {
    bytes += big_endian(size);
  }
  return bytes + payload;
}

std::string gzip(const std::string& bytes) {
  z_stream deflater = {};
  EXPECT_EQ(deflateInit2(&deflater, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&deflater, bytes.size()), '\0');
  deflater.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  deflater.avail_in = static_cast<uInt>(bytes.size());
  deflater.next_out = reinterpret_cast<Bytef*>(out.data());
  deflater.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&deflater, Z_FINISH), Z_STREAM_END);
  out.resize(deflater.total_out);
  deflateEnd(&deflater);
  return out;
}

// Expects `text` to hold `part`.
void expect_part(const std::string& text, const std::string& part) {
  EXPECT_PRED_FORMAT2(::testing::IsSubstring, part, text);
}

void expect_same(const at::Tensor& actual, const at::Tensor& expected) {
  ASSERT_EQ(actual.scalar_type(), expected.scalar_type());
  ASSERT_EQ(actual.sizes(), expected.sizes());
  EXPECT_TRUE(at::equal(actual, expected));
}

TEST_F(Idx, ReadsEveryTypeInBigEndian) {
  expect_same(read(idx(0x08, {2, 2}, "\x01\x02\x03\xff")),
              at::tensor({1, 2, 3, 255}, at::kByte).view({2, 2}));
  expect_same(read(idx(0x09, {2}, "\x7f\x80")), at::tensor({127, -128}, at::kChar));
  expect_same(read(idx(0x0B, {2}, std::string("\x01\x02\xff\xfe", 4))),
              at::tensor({258, -2}, at::kShort));
  expect_same(read(idx(0x0C, {2}, big_endian(0x01020304) + big_endian(0xfffffffe))),
              at::tensor({0x01020304, -2}, at::kInt));
  expect_same(read(idx(0x0D, {1}, big_endian(0x3fc00000))), at::tensor({1.5}, at::kFloat));
  expect_same(read(idx(0x0E, {1}, big_endian(0xbff80000) + big_endian(0))),
              at::tensor({-1.5}, at::kDouble));
}

TEST_F(Idx, KeepsNanAndInf) {
  const at::Tensor data = read(idx(0x0D, {2}, big_endian(0x7fc00000) + big_endian(0xff800000)));
  EXPECT_TRUE(std::isnan(data.data_ptr<float>()[0]));
  EXPECT_EQ(data.data_ptr<float>()[1], -std::numeric_limits<float>::infinity());
}

TEST_F(Idx, ReadsEmptyTensorsAndZeroDimensionalOnes) {
  const at::Tensor empty = read(idx(0x0D, {3, 0, 5}, ""));
  EXPECT_EQ(empty.sizes(), (std::vector<std::int64_t>{3, 0, 5}));
  expect_same(read(idx(0x08, {}, "\x07")), at::scalar_tensor(7, at::kByte));
}

TEST_F(Idx, ReadsGzipAsItsContent) {
  const std::string payload(300000, 'x');
  const std::string bytes = idx(0x08, {300, 1000}, payload);
  const at::Tensor plain = read(bytes);
  expect_same(read(gzip(bytes)), plain);
  // Several gzip members are one file, wherever they are split.
  for (const std::size_t split :
       {std::size_t{0}, std::size_t{1}, std::size_t{3}, std::size_t{12}, bytes.size()}) {
    expect_same(read(gzip(bytes.substr(0, split)) + gzip(bytes.substr(split))), plain);
  }
}

TEST_F(Idx, ReadsDebiansFashionMnist) {
  const std::filesystem::path labels =
      "/usr/share/datasets/fashion-mnist/t10k-labels-idx1-ubyte.gz";
  if (!std::filesystem::exists(labels)) {
    GTEST_SKIP() << "dataset-fashion-mnist is not installed";
  }
  const at::Tensor data = ff::storage::read_idx(labels);
  EXPECT_EQ(data.sizes(), (std::vector<std::int64_t>{10000}));
  EXPECT_EQ(data.data_ptr<std::uint8_t>()[0], 9);
}

TEST_F(Idx, RejectsWhatIsNotIdx) {
  const std::string path = "read_idx: '" + (folder_ / "data.idx").string() + "'";
  EXPECT_EQ(error_of("PNG."),
            path +
                ": byte 0: the file starts with 0x50 0x4E, but an IDX file starts with 0x00 0x00 "
                "(or 0x1F 0x8B where it is gzip)");
  EXPECT_EQ(error_of(idx(0x0A, {1}, "x")), path +
                                               ": byte 2: the type code is 0x0A, expected 0x08 "
                                               "(uint8), 0x09 (int8), 0x0B (int16), 0x0C (int32), "
                                               "0x0D (float32) or 0x0E (float64)");
  expect_part(error_of(idx(0x08, std::vector<std::uint32_t>(65, 1), "x")),
              "byte 3: the header announces 65 dimensions, expected at most 64");
  expect_part(error_of(gzip("text")),
              "' (gzip; bytes are counted inflated): byte 0: the file starts with");
}

TEST_F(Idx, RejectsFilesThatEndTooEarly) {
  expect_part(error_of(""), "byte 0: the file ends inside the first 4 bytes of an IDX file");
  expect_part(error_of(std::string("\0\0\x08", 3)),
              "byte 3: the file ends inside the first 4 bytes");
  expect_part(error_of(idx(0x08, {2, 2}, "").substr(0, 9)),
              "byte 9: the file ends inside its header, which needs 12 bytes");
  expect_part(
      error_of(idx(0x0B, {2, 2}, "1234567")),
      "byte 4: the header announces [2, 2] of 2 bytes each, 20 bytes with the header, but the file "
      "has 19 bytes");
  expect_part(
      error_of(gzip(idx(0x08, {4}, "123"))),
      "byte 11: the data end after 3 of 4 bytes that the header announces as [4] of 1 bytes each");
}

TEST_F(Idx, RejectsFilesThatGoOn) {
  expect_part(
      error_of(idx(0x08, {2}, "123")),
      "byte 10: expected the end of the file after [2] of 1 bytes each, but 1 more bytes follow");
  expect_part(error_of(idx(0x08, {0}, "1")), "but 1 more bytes follow");
  expect_part(
      error_of(gzip(idx(0x08, {2}, "123"))),
      "byte 10: expected the end of the data after [2] of 1 bytes each, but more bytes follow");
}

TEST_F(Idx, RejectsSizesThatOverflow) {
  const std::uint32_t huge = 0xffffffff;
  expect_part(
      error_of(idx(0x08, {huge, huge}, "x")),
      "byte 8: dimension 1 has size 4294967295, which makes the data larger than 2^63 - 1 bytes");
  // 2^32 * 2^31 elements of 8 bytes: the wrapped product would be 0.
  expect_part(error_of(idx(0x0E, {0x80000000, 0x80000000}, "")),
              "byte 8: dimension 1 has size 2147483648");
  // No data, but LibTorch could not compute the strides.
  expect_part(error_of(idx(0x08, {0, huge, huge, huge}, "")),
              "byte 12: dimension 2 has size 4294967295");
}

TEST_F(Idx, AllocatesNothingForAnnouncedDataThatCannotBeThere) {
  // Eight exabytes and a terabyte: an allocation would be killed or throw std::bad_alloc.
  expect_part(error_of(idx(0x08, {0x7fffffff, 0xffffffff}, "x")), "but the file has 13 bytes");
  expect_part(
      error_of(gzip(idx(0x08, {1024, 1024, 1024, 1024}, "x"))),
      "[1024, 1024, 1024, 1024] of 1 bytes each, 1099511627796 bytes with the header, but the file "
      "can inflate to at most ");
}

TEST_F(Idx, StopsInflatingAGzipBomb) {
  // 20 MB of zeros in 90 kB. Only the announced byte and one more may be inflated; the damage put
  // into the last bytes would show if all were.
  std::string bomb = gzip(idx(0x08, {1}, std::string(20'000'000, '\0')));
  ASSERT_LT(bomb.size(), 100'000U);
  bomb[bomb.size() - 6] ^= 0x55;
  expect_part(error_of(bomb), "byte 9: expected the end of the data after [1] of 1 bytes each");
}

TEST_F(Idx, RejectsDamagedGzip) {
  const std::string whole = gzip(idx(0x08, {5}, "12345"));
  std::string damaged = whole;
  damaged[damaged.size() - 8] ^= 1;
  expect_part(error_of(damaged),
              "of the compressed file: incorrect data check; expected whole gzip data");
  expect_part(error_of(whole.substr(0, whole.size() - 1)),
              "byte " + std::to_string(whole.size() - 1) +
                  " of the compressed file: the file ends inside its gzip data");
  expect_part(error_of(whole + "more"), "of the compressed file: incorrect header check");
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_NE(error_of(whole.substr(0, size)), "no error") << size;
  }
}

TEST_F(Idx, RejectsPathsThatAreNoFiles) {
  EXPECT_EQ(error_of_path(folder_ / "absent"),
            "read_idx: '" + (folder_ / "absent").string() +
                "' cannot be opened: No such file or directory; expected an IDX "
                "file, plain or gzip");
  expect_part(error_of_path(folder_),
              "' is not a regular file; expected an IDX file, plain or gzip");
}

}  // namespace
