#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdio>
#include <string>

#include "kernels/buffers.h"
#include "kernels/panel.h"
#include "kernels/samples.h"
#include "kernels/table.h"

namespace ff::kernels {

/// Sizes at which vectors, pairs and fours of vectors, short runs and sum blocks end.
inline constexpr int64_t kSizes[] = {0,  1,  2,  5,   8,   9,   16,  17,  31,
                                     33, 64, 65, 127, 128, 129, 255, 257, 4096};
inline constexpr int64_t kBig = 1000003;
inline constexpr int64_t kShifts[] = {0, 1, 3, kAtEnd};

/// Elements of the parameters of a panel. Not less than one: kernels may read the first parameter
/// of a row without elements.
inline int64_t parameter_count(const Panel& panel) {
  const int64_t last_row = panel.rows > 0 ? panel.rows - 1 : 0;
  const int64_t last_column = panel.columns > 0 ? panel.columns - 1 : 0;
  return last_row * panel.row_stride + last_column * panel.column_stride + 1;
}

/// Calls body(panel) for narrow, even and wide rows with parameters that lie in every way.
template <typename Body>
void for_each_panel(const Body& body) {
  for (int64_t columns = 1; columns <= 43; ++columns) {
    const int64_t wide = columns == 41 ? 100 : columns == 42 ? 513 : columns == 43 ? 600 : columns;
    for (const int64_t rows : {2, 19}) {
      for (const int64_t row_stride : {0, 1, 3}) {
        for (const int64_t column_stride : {0, 1, 3})
          body(Panel{rows, wide, row_stride, column_stride});
      }
    }
  }
}

/// Calls body(panel) for panels without elements.
template <typename Body>
void for_each_empty_panel(const Body& body) {
  for (const int64_t row_stride : {0, 1, 3}) {
    for (const int64_t column_stride : {0, 1, 3}) {
      for (const int64_t columns : {1, 3, 100})
        body(Panel{0, columns, row_stride, column_stride});
      for (const int64_t rows : {0, 1, 3})
        body(Panel{rows, 0, row_stride, column_stride});
    }
  }
}

template <typename T>
std::string text_of(T x) {
  char text[64];
  std::snprintf(text, sizeof(text), "%a (0x%llx)", static_cast<double>(widen(x)),
                static_cast<unsigned long long>(bits_of(x)));
  return text;
}
inline std::string text_of(int8_t x) {
  return std::to_string(x);
}
inline std::string text_of(int16_t x) {
  return std::to_string(x);
}
inline std::string text_of(uint8_t x) {
  return std::to_string(x);
}

/// Data with its parameters.
template <typename T>
struct Inputs {
  using P = Arithmetic<T>;
  Panel panel;
  int64_t shift;
  P low, high;
  Buffer<T> data;
  Buffer<P> scale, z;

  Inputs(const Panel& panel_, int64_t shift_, int num_bits)
      : panel(panel_),
        shift(shift_),
        low(lowest_code<P>(num_bits)),
        high(highest_code<P>(num_bits)),
        data(panel.rows * panel.columns, shift),
        scale(parameter_count(panel), shift == 0 ? 0 : kAtEnd),
        z(parameter_count(panel), shift == 0 ? 1 : kAtEnd) {}
  Inputs(const Panel& panel_, int64_t shift_, int num_bits, Random& random)
      : Inputs(panel_, shift_, num_bits) {
    for (int64_t j = 0; j < scale.size(); ++j) {
      scale[j] = random_scale<P>(random);
      z[j] = random_offset<P>(random, low, high);
    }
    fill_data(random);
  }
  /// All parameters are the same.
  Inputs(const Panel& panel_, int64_t shift_, int num_bits, Random& random, P scale_, P z_)
      : Inputs(panel_, shift_, num_bits) {
    for (int64_t j = 0; j < scale.size(); ++j) {
      scale[j] = scale_;
      z[j] = z_;
    }
    fill_data(random);
  }

  int64_t size() const {
    return data.size();
  }
  int64_t parameter_of(int64_t i) const {
    return size() == 0
               ? 0
               : i / panel.columns * panel.row_stride + i % panel.columns * panel.column_stride;
  }
  void fill_data(Random& random) {
    for (int64_t i = 0; i < size(); ++i) {
      const int64_t j = parameter_of(i);
      data[i] = data_for<T>(random, {scale[j], z[j], low, high});
    }
  }
  std::string text() const {
    return std::to_string(panel.rows) + " x " + std::to_string(panel.columns) + ", strides " +
           std::to_string(panel.row_stride) + " " + std::to_string(panel.column_stride) +
           ", shift " + std::to_string(shift) + ", codes " + std::to_string(low) + " to " +
           std::to_string(high);
  }
  std::string text(int64_t i) const {
    const int64_t j = parameter_of(i);
    return text() + "; element " + std::to_string(i) + ", scale " + text_of(scale[j]) + ", z " +
           text_of(z[j]);
  }
};

/// Fails at the first element of `got` that is not that of `expected`, and where something was
/// written around `got`. `given` are the data or codes they were made of.
template <typename T, typename In, typename Out>
testing::AssertionResult equal(const std::string& kernel, const Inputs<T>& inputs,
                               const Buffer<In>& given, const Buffer<Out>& got,
                               const Buffer<Out>& expected) {
  const int64_t i = got.first_difference(expected);
  if (i >= 0) {
    return testing::AssertionFailure()
           << inputs.text(i) << ": " << text_of(given[i]) << " gives " << text_of(got[i])
           << ", the reference " << text_of(expected[i]);
  }
  if (!got.guards_stand())
    return testing::AssertionFailure()
           << kernel << ": " << inputs.text() << ": written outside of the output";
  return testing::AssertionSuccess();
}

/// Calls body(inputs) for every size, place in memory and number of bits.
template <typename T, typename Body>
void for_each_size_and_place(Random& random, const Body& body) {
  for (const int64_t n : kSizes) {
    for (const int64_t shift : kShifts) {
      for (int num_bits = 1; num_bits <= 16; ++num_bits)
        body(Inputs<T>(uniform_panel(n), shift, num_bits, random));
    }
  }
}

/// Calls body(inputs) for every edge_scale with every edge_offset.
template <typename T, typename Body>
void for_each_edge_parameter(Random& random, const Body& body) {
  using P = Arithmetic<T>;
  for (uint64_t scale = 0; scale < kEdgeScales<P>; ++scale) {
    for (uint64_t z = 0; z < kEdgeOffsets; ++z) {
      for (int num_bits = 1; num_bits <= 16; ++num_bits) {
        const P low = lowest_code<P>(num_bits), high = highest_code<P>(num_bits);
        body(Inputs<T>(uniform_panel(131), 1, num_bits, random, edge_scale<P>(scale),
                       edge_offset<P>(z, low, high)));
      }
    }
  }
}

}  // namespace ff::kernels
