#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <string>

#include "kernels/inputs.h"
#include "kernels/reference.h"
#include "kernels/table.h"

// quantize, dequantize and fake_quantize of a table against reference.h, bit for bit.
namespace ff::kernels {

template <typename Code, typename T>
testing::AssertionResult quantize_is_equal(const Entries<T>& entries, const Inputs<T>& in) {
  Buffer<Code> got(in.size(), in.shift), expected(in.size(), 0);
  if constexpr (sizeof(Code) == 1) {
    entries.quantize_int8(in.data.data(), got.data(), in.panel, in.scale.data(), in.z.data(),
                          in.low, in.high);
  } else {
    entries.quantize_int16(in.data.data(), got.data(), in.panel, in.scale.data(), in.z.data(),
                           in.low, in.high);
  }
  reference::quantize<T, Code>(in.data.data(), expected.data(), in.panel, in.scale.data(),
                               in.z.data(), in.low, in.high);
  return equal("quantize", in, in.data, got, expected);
}

template <typename Code, typename T>
testing::AssertionResult dequantize_is_equal(const Entries<T>& entries, const Inputs<T>& in,
                                             Random& random, bool stream) {
  Buffer<Code> codes(in.size(), in.shift);
  for (int64_t i = 0; i < in.size(); ++i)
    codes[i] = static_cast<Code>(random());
  Buffer<T> got(in.size(), in.shift), expected(in.size(), 0);
  if constexpr (sizeof(Code) == 1) {
    entries.dequantize_int8(codes.data(), got.data(), in.panel, in.scale.data(), in.z.data(),
                            stream);
  } else {
    entries.dequantize_int16(codes.data(), got.data(), in.panel, in.scale.data(), in.z.data(),
                             stream);
  }
  reference::dequantize<T, Code>(codes.data(), expected.data(), in.panel, in.scale.data(),
                                 in.z.data(), stream);
  return equal(stream ? "dequantize, stream" : "dequantize", in, codes, got, expected);
}

template <typename T>
testing::AssertionResult fake_quantize_is_equal(const Entries<T>& entries, const Inputs<T>& in,
                                                bool stream, bool in_place) {
  Buffer<T> got(in.size(), in.shift), expected(in.size(), 0);
  if (in_place)
    got.copy_from(in.data);
  entries.fake_quantize(in_place ? got.data() : in.data.data(), got.data(), in.panel,
                        in.scale.data(), in.z.data(), in.low, in.high, stream);
  reference::fake_quantize<T>(in.data.data(), expected.data(), in.panel, in.scale.data(),
                              in.z.data(), in.low, in.high, stream);
  const std::string name =
      std::string("fake_quantize") + (stream ? ", stream" : "") + (in_place ? ", in place" : "");
  return equal(name, in, in.data, got, expected);
}

/// All of them, in place and past the caches too.
template <typename T>
testing::AssertionResult affine_is_equal(const Table& table, const Inputs<T>& in, Random& random) {
  const Entries<T>& entries = kernels::entries<T>(table);
  testing::AssertionResult result = quantize_is_equal<int16_t>(entries, in);
  if (result && in.high < 128)
    result = quantize_is_equal<int8_t>(entries, in);
  for (const bool stream : {false, true}) {
    if (result)
      result = dequantize_is_equal<int8_t>(entries, in, random, stream);
    if (result)
      result = dequantize_is_equal<int16_t>(entries, in, random, stream);
    if (result)
      result = fake_quantize_is_equal(entries, in, stream, false);
    if (result)
      result = fake_quantize_is_equal(entries, in, stream, true);
  }
  return result;
}

}  // namespace ff::kernels
