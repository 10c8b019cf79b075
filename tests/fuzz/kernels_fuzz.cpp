// libFuzzer target of the kernels: every table against kernels/reference.h, bit for bit, with
// shapes, strides, places, bits, parameters and data from the input. It needs no LibTorch. From the
// project's folder:
//
//   mkdir -p build/kernels_corpus
//   clang++ -std=c++20 -g -O1 -ffp-contract=off -fsanitize=fuzzer,address,undefined -Isrc -Itests \
//     -o build/kernels_fuzz tests/fuzz/kernels_fuzz.cpp src/kernels/table.cpp \
//     src/kernels/simd.cpp -lhwy -lgtest
//   UBSAN_OPTIONS=halt_on_error=1 build/kernels_fuzz -max_len=512 -max_total_time=600 \
//     build/kernels_corpus
//
// FF_ISA=avx2 tests that table alone. standalone.cpp instead of -fsanitize=fuzzer runs the target
// without libFuzzer.

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <string>

#include "kernels/affine_equality.h"
#include "kernels/code_equality.h"
#include "kernels/extreme_equality.h"
#include "kernels/inputs.h"
#include "kernels/samples.h"
#include "kernels/sum_equality.h"
#include "kernels/table.h"

namespace {

using namespace ff::kernels;

// The input, piece by piece; zeros after its end.
class Bytes {
 public:
  Bytes(const uint8_t* data, size_t size) : data_(data), left_(size) {}

  template <typename N>
  N take() {
    unsigned char bytes[sizeof(N)] = {};
    const size_t count = left_ < sizeof(N) ? left_ : sizeof(N);
    if (count > 0)
      std::memcpy(bytes, data_, count);
    data_ += count;
    left_ -= count;
    N number;
    std::memcpy(&number, bytes, sizeof(N));
    return number;
  }
  int64_t integer(int64_t first, int64_t last) {
    return first + static_cast<int64_t>(take<uint16_t>() % static_cast<uint64_t>(last - first + 1));
  }
  /// Numbers that follow from the rest.
  Random random() {
    uint64_t seed = 0;
    while (left_ > 0)
      seed = Random(seed ^ take<uint64_t>())();
    return Random(seed);
  }
  size_t left() const {
    return left_;
  }

 private:
  const uint8_t* data_;
  size_t left_;
};

// A scale and an offset for each parameter, as the byte `kind` says: all of them from the input, or
// drawn, or the same.
template <typename P>
void fill_parameters(Bytes& bytes, uint8_t kind, P low, P high, Buffer<P>& scale, Buffer<P>& z) {
  Random random(bytes.take<uint32_t>());
  for (int64_t j = 0; j < scale.size(); ++j) {
    const bool given = kind % 4 < 2 && bytes.left() >= 2 * sizeof(P);
    const P any_scale = given ? std::fabs(bytes.take<P>()) : random_scale<P>(random);
    const P any_z = given ? std::nearbyint(bytes.take<P>()) : random_offset<P>(random, low, high);
    constexpr P kInfinity = std::numeric_limits<P>::infinity();
    scale[j] = any_scale > 0 && any_scale < kInfinity ? any_scale : P{1};
    z[j] = std::fabs(any_z) < kInfinity ? any_z : P{0};
    if (kind % 4 == 1 && j > 0) {
      scale[j] = scale[0];
      z[j] = z[0];
    }
  }
}

// Data from the input as long as there is some, the rest drawn around the grid.
template <typename T>
void fill_data(Bytes& bytes, Inputs<T>& in) {
  const auto given = static_cast<int64_t>(bytes.left() / sizeof(T));
  Random random(given == 0 ? 0 : bytes.integer(0, 65535));
  for (int64_t i = 0; i < in.size(); ++i) {
    const int64_t j = in.parameter_of(i);
    in.data[i] =
        i < given ? bytes.take<T>() : data_for<T>(random, {in.scale[j], in.z[j], in.low, in.high});
  }
}

template <typename T>
testing::AssertionResult test_panels(const Table& table, Bytes bytes) {
  const int64_t columns = bytes.integer(0, bytes.take<uint8_t>() % 2 == 0 ? 70 : 1100);
  const int64_t rows = bytes.integer(0, 2000 / (columns + 1) + 1);
  const Panel panel{rows, columns, bytes.integer(0, 3), bytes.integer(0, 3)};
  const int64_t shift = bytes.integer(kAtEnd, 17);
  Inputs<T> in(panel, shift, static_cast<int>(bytes.integer(1, 16)));
  fill_parameters(bytes, bytes.take<uint8_t>(), in.low, in.high, in.scale, in.z);
  fill_data(bytes, in);
  Random random = bytes.random();
  const auto result = affine_is_equal(table, in, random);
  return result ? extremes_are_equal(table, in, random) : result;
}

template <typename T>
testing::AssertionResult test_sums(const Table& table, Bytes bytes) {
  const int64_t n = bytes.integer(0, bytes.take<uint8_t>() % 4 == 0 ? kSumBlock : 600);
  const int64_t shift = bytes.integer(kAtEnd, 17);
  const auto num_bits = static_cast<int>(bytes.integer(1, 16));
  Inputs<T> in(uniform_panel(n), shift, num_bits);
  Candidates<Arithmetic<T>> grids(bytes.integer(0, 4), shift, num_bits);
  fill_parameters(bytes, bytes.take<uint8_t>(), in.low, in.high, in.scale, in.z);
  fill_parameters(bytes, bytes.take<uint8_t>(), in.low, in.high, grids.scale, grids.z);
  Buffer<T> gradient(n, bytes.integer(kAtEnd, 17)), finite_data(n, shift);
  fill_data(bytes, in);
  Random random = bytes.random();
  for (int64_t i = 0; i < n; ++i) {
    gradient[i] = random() % 8 == 0 ? special<T>(random) : summand<T>(random);
    finite_data[i] = finite(in.data[i]);
  }
  auto result = backward_is_equal(table, in, gradient);
  if (result)
    result = sum_of_squares_is_equal(table, in.data);
  if (result)
    result = squared_errors_are_equal(table, finite_data, grids, shift);
  return result;
}

testing::AssertionResult test_codes(const Table& table, Bytes bytes) {
  const int64_t n = bytes.integer(0, 400);
  const int64_t shift = bytes.integer(kAtEnd, 70);
  Buffer<int8_t> entries(256, shift), codes(n, bytes.integer(kAtEnd, 70));
  Buffer<uint8_t> packed((n + 1) / 2, bytes.integer(kAtEnd, 70));
  Random random(bytes.take<uint32_t>());
  for (int i = 0; i < 256; ++i)
    entries[i] = static_cast<int8_t>(random());
  for (int64_t i = 0; i < n; ++i) {
    codes[i] = bytes.left() > 0 ? bytes.take<int8_t>() : static_cast<int8_t>(random());
    packed[i / 2] = static_cast<uint8_t>(codes[i]);
  }
  auto result = lookup_is_equal(table, codes, entries, shift);
  if (result)
    result = pack_is_equal(table, codes, shift);
  if (result)
    result = unpack_is_equal(table, packed, n, shift);
  const auto first = static_cast<int32_t>(random.integer(-(1 << 21), 1 << 21));
  const int64_t width = random.integer(0, 1 << 22);
  Buffer<int32_t> numbers(n, shift);
  for (int64_t i = 0; i < n; ++i)
    numbers[i] = first + static_cast<int32_t>(random.integer(0, width));
  const int32_t end = first + static_cast<int32_t>(random.integer(0, width + 1));
  if (result)
    result = sums_below_are_equal(table, numbers, first, end, shift);
  return result;
}

testing::AssertionResult test_table(const Table& table, uint8_t family, const Bytes& bytes) {
  switch (family % 9) {
    case 0:
      return test_panels<float>(table, bytes);
    case 1:
      return test_panels<double>(table, bytes);
    case 2:
      return test_panels<Bfloat16>(table, bytes);
    case 3:
      return test_panels<Float16>(table, bytes);
    case 4:
      return test_sums<float>(table, bytes);
    case 5:
      return test_sums<double>(table, bytes);
    case 6:
      return test_sums<Bfloat16>(table, bytes);
    case 7:
      return test_sums<Float16>(table, bytes);
    default:
      return test_codes(table, bytes);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Bytes bytes(data, size);
  const auto family = bytes.take<uint8_t>();
  const char* isa = std::getenv("FF_ISA");
  const TableList list = available_tables();
  for (int i = 0; i < list.size; ++i) {
    const Table& table = *list.tables[i];
    if (isa != nullptr && *isa != '\0' && std::strcmp(table.isa, isa) != 0)
      continue;
    const testing::AssertionResult result = test_table(table, family, bytes);
    if (!result) {
      std::cerr << "table " << table.isa << ", family " << family % 9 << ": " << result.message()
                << '\n';
      std::abort();
    }
  }
  return 0;
}
