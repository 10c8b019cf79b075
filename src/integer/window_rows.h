#pragma once

#include <ATen/core/DimVector.h>
#include <ATen/core/Tensor.h>

#include <algorithm>
#include <array>
#include <cstdint>

#include "integer/convolution.h"
#include "kernels/product.h"

namespace ff::integer {

/// The codes under each window of a convolution, for each place of it, as kernels take them. Axes
/// that are missing have one element.
class WindowRows {
 public:
  /// `codes`: [batch, channels, axes...], channels together. `before` and `after`: more padding at
  /// the ends of the axes, empty if there is none.
  WindowRows(const at::Tensor& codes, c10::IntArrayRef window, const Window& geometry,
             c10::IntArrayRef before, c10::IntArrayRef after, const int8_t* padding)
      : codes_(codes.const_data_ptr<int8_t>()), channels_(codes.size(1)), padding_(padding) {
    const size_t missing = kAxes - window.size();
    for (size_t i = 0; i < window.size(); ++i) {
      Axis& axis = axes_[missing + i];
      axis = {window[i],
              codes.size(static_cast<int64_t>(i) + 2),
              0,
              geometry.stride[i],
              geometry.padding[i],
              geometry.dilation[i]};
      const int64_t border = before.empty() ? 0 : before[i] + after[i];
      axis.out = (axis.in + 2 * axis.padding + border - axis.dilation * (axis.window - 1) - 1) /
                     axis.stride +
                 1;
      axis.padding += before.empty() ? 0 : before[i];
      out_.push_back(axis.out);
      is_pointwise_ = is_pointwise_ && axis.window == 1 && axis.out == axis.in && axis.stride == 1;
    }
  }

  /// Sizes of the result's axes.
  c10::IntArrayRef out_sizes() const {
    return out_;
  }
  /// The lines of windows. Windows share `columns` columns each, or with 1 have one of their own.
  kernels::Lines lines(int64_t batch, int64_t columns) const {
    const auto& [planes, lines, line] = axes_;
    const int64_t taps = planes.window * lines.window * line.window;
    return {batch * planes.out * lines.out,
            line.out,
            taps / columns,
            columns,
            columns > 1 ? line.stride : 1,
            columns > 1 ? line.dilation : 1};
  }

  void find(int64_t begin, int64_t count, const int8_t** rows) const {
    if (is_pointwise_) {
      write(codes_ + begin * channels_, channels_, count, rows, 1);
      return;
    }
    const Axis& columns = axes_[kAxes - 1];
    while (count > 0) {
      const int64_t x = begin % columns.out, n = std::min(count, columns.out - x);
      rows = find_windows(begin / columns.out, x, n, rows);
      begin += n;
      count -= n;
    }
  }

  /// The columns of `count` lines that lines() describes.
  void find_columns(int64_t begin, int64_t count, const kernels::Lines& all,
                    const int8_t** columns) const {
    const Axis& line = axes_[kAxes - 1];
    for (int64_t i = begin; i < begin + count; ++i) {
      if (all.width == 1) {
        columns = find_windows(i, 0, line.out, columns);
        continue;
      }
      visit_lines(i, [&](int64_t tap, const int8_t* start) {
        find_places(start, -line.padding, 1, all.columns(), columns + tap, all.height);
      });
      columns += all.columns() * all.height;
    }
  }

 private:
  static constexpr size_t kAxes = 3;
  struct Axis {
    int64_t window = 1, in = 1, out = 1, stride = 1, padding = 0, dilation = 1;

    // Where a place of the window lies.
    int64_t at(int64_t result, int64_t place) const {
      return result * stride - padding + place * dilation;
    }
    bool has(int64_t index) const {
      return index >= 0 && index < in;
    }
  };

  // Calls visit(tap, start) for each line under the windows of a line of results, with where it
  // begins; null for those outside.
  template <typename Visit>
  void visit_lines(int64_t line_of_results, const Visit& visit) const {
    const auto& [planes, lines, columns] = axes_;
    const int64_t y = line_of_results % lines.out, z = line_of_results / lines.out % planes.out;
    const int64_t image = line_of_results / (lines.out * planes.out);
    for (int64_t k = 0; k < planes.window; ++k) {
      const int64_t plane = planes.at(z, k);
      for (int64_t j = 0; j < lines.window; ++j) {
        const int64_t line = lines.at(y, j);
        const bool is_inside = planes.has(plane) && lines.has(line);
        const int64_t first = ((image * planes.in + plane) * lines.in + line) * columns.in;
        visit(k * lines.window + j, is_inside ? codes_ + first * channels_ : nullptr);
      }
    }
  }

  // The codes at all places of `n` windows from `x` on of one line of results.
  const int8_t** find_windows(int64_t line_of_results, int64_t x, int64_t n,
                              const int8_t** rows) const {
    const auto& [planes, lines, columns] = axes_;
    const int64_t taps = planes.window * lines.window * columns.window;
    visit_lines(line_of_results, [&, &columns = columns](int64_t tap, const int8_t* start) {
      for (int64_t i = 0; i < columns.window; ++i)
        find_places(start, columns.at(x, i), columns.stride, n, rows + tap * columns.window + i,
                    taps);
    });
    return rows + n * taps;
  }

  // Writes `n` pointers, `stride` apart, to the columns x, x + step, ... of a line. First come
  // those in front of the line, then those inside, then those behind.
  void find_places(const int8_t* start, int64_t x, int64_t step, int64_t n, const int8_t** to,
                   int64_t stride) const {
    if (start == nullptr) {
      write(padding_, 0, n, to, stride);
      return;
    }
    const int64_t in = axes_[kAxes - 1].in;
    const auto places_below = [&](int64_t column) {
      return std::clamp<int64_t>((column - x + step - 1) / step, 0, n);
    };
    const int64_t first = x < 0 ? places_below(0) : 0;
    const int64_t end = x + (n - 1) * step < in ? n : std::max(first, places_below(in));
    to = write(padding_, 0, first, to, stride);
    to = write(start + (x + first * step) * channels_, step * channels_, end - first, to, stride);
    write(padding_, 0, n - end, to, stride);
  }

  // Loops of one pointer that grows.
  static const int8_t** write(const int8_t* code, int64_t step, int64_t n, const int8_t** to,
                              int64_t stride) {
    for (int64_t i = 0; i < n; ++i)
      to[i * stride] = code + i * step;
    return to + n * stride;
  }

  const int8_t* codes_;
  int64_t channels_;
  const int8_t* padding_;
  std::array<Axis, kAxes> axes_;
  bool is_pointwise_ = true;  // a row for each pixel
  at::DimVector out_;
};

}  // namespace ff::integer
