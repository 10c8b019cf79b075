#include "integer/convolution.h"

#include <ATen/EmptyTensor.h>
#include <ATen/TensorOperators.h>
#include <c10/util/SmallVector.h>
#include <c10/util/StringUtil.h>
#include <c10/util/strides.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "core/huge_pages.h"
#include "fastforward/dispatch/integer_guard.h"
#include "fastforward/tensor/quantized_tensor.h"
#include "integer/channels_last.h"
#include "integer/code_memory.h"
#include "integer/padded_codes.h"
#include "integer/product.h"
#include "tensor/plain.h"

namespace ff::integer {
namespace {

// As a kernel reads them.
at::Tensor float_values(const at::Tensor& tensor) {
  const at::Tensor values = plain(tensor);
  return (values.scalar_type() == at::kFloat ? values : values.to(at::kFloat)).contiguous();
}

// All that is known before anything is computed, or why there is nothing to compute.
struct Prepared {
  std::optional<Product> product;
  std::string why_not;
};

Prepared prepare(const at::Tensor& input, const at::Tensor& weight, const at::Tensor& bias,
                 int64_t groups, const dispatch::WantedOutput& output) {
  if (!integers_enabled())
    return {{}, kIntegersAreOff};
  if (!is_quantized(input))
    return {{}, "the input is not quantized"};
  if (!is_quantized(weight))
    return {{}, "the weight is not quantized"};
  GridOrReason grid = grid_of(input);
  if (!grid.grid.has_value())
    return {{}, "the input: " + grid.why_not};
  WeightScales scales = weight_scales(weight, 0);
  if (!scales.why_not.empty())
    return {{}, "the weight: " + scales.why_not};
  Product product{
      *grid.grid, packed_weight(weight, groups), std::move(scales.scales), {}, grid_of(output)};
  if (bias.defined())
    product.bias = float_values(bias);
  if (product.output.has_value() && output.bias.defined()) {
    const at::Tensor more = float_values(output.bias);
    product.bias = product.bias.defined() ? product.bias + more : more;
  }
  std::string why_not = why_too_large(product);
  if (!why_not.empty())
    return {{}, std::move(why_not)};
  return {std::move(product), ""};
}

at::Tensor empty_results(const Product& product, c10::IntArrayRef sizes, c10::IntArrayRef strides) {
  if (product.output.has_value())
    return empty_codes(sizes, strides);
  const at::Tensor results = at::detail::empty_strided_cpu(sizes, strides, at::kFloat);
  if (results.nbytes() > 0)
    advise_huge_pages(results.mutable_data_ptr(), results.nbytes());
  return results;
}

at::Tensor finish(const Product& product, const at::Tensor& results,
                  const dispatch::WantedOutput& output) {
  return product.output.has_value() ? output.function->attach(results, at::kFloat) : results;
}

// The codes under a window, for each place of it. Axes that are missing have one element.
class Rows {
 public:
  // `codes`: [batch, channels, axes...], channels together. `before` and `after`: more padding at
  // the ends of the axes, empty if there is none.
  Rows(const at::Tensor& codes, c10::IntArrayRef window, const Window& geometry,
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

  // Sizes of the result's axes.
  c10::IntArrayRef out_sizes() const {
    return out_;
  }
  // The lines of windows. Windows share `columns` columns each, or with 1 have one of their own.
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

  // The columns of `count` lines that lines() describes.
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

at::Tensor linear(const Product& product, const at::Tensor& input,
                  const dispatch::WantedOutput& output) {
  const at::Tensor together = codes(input).contiguous();
  const auto* from = together.const_data_ptr<int8_t>();
  const int64_t depth = product.weight->depth;
  at::DimVector sizes(input.sizes());
  sizes.back() = product.weight->channels;
  const at::Tensor results = empty_results(product, sizes, c10::contiguous_strides(sizes));
  const int64_t rows = c10::multiply_integers(input.sizes().slice(0, input.dim() - 1));
  run_product(
      product, rows,
      [&](int64_t begin, int64_t n, const int8_t** found) {
        for (int64_t i = 0; i < n; ++i)
          found[i] = from + (begin + i) * depth;
      },
      nullptr, results);
  return finish(product, results, output);
}

}  // namespace

dispatch::RunOrReason prepare_convolution(const at::Tensor& input, const at::Tensor& weight,
                                          const at::Tensor& bias, const Window& window,
                                          const dispatch::WantedOutput& output) {
  const bool is_padded = std::any_of(window.padding.begin(), window.padding.end(),
                                     [](int64_t padding) { return padding > 0; });
  Prepared prepared = prepare(input, weight, bias, window.groups, output);
  if (!prepared.product.has_value())
    return {nullptr, std::move(prepared.why_not)};
  if (is_padded && !prepared.product->input.code_of_zero().has_value())
    return {nullptr, "the input is padded with zeros, and its grid has no code for zero"};
  return {[product = *std::move(prepared.product), input, weight, window, output]() -> c10::IValue {
            return windows(product, input, weight.sizes().slice(2), window, output);
          },
          ""};
}

at::Tensor windows(const Product& product, const at::Tensor& input,
                   c10::IntArrayRef sizes_of_window, const Window& window,
                   const dispatch::WantedOutput& output) {
  const PaddedCodes* padded = padded_codes(input);
  if (padded != nullptr && padded->fill != product.input.code_of_zero())
    padded = nullptr;
  const at::Tensor codes = channels_together(padded != nullptr ? padded->inner : ff::codes(input));
  const PackedWeight& packed = *product.weight;
  constexpr size_t kMostInPlace = 2048;
  c10::SmallVector<int8_t, kMostInPlace> padding;
  padding.resize_for_overwrite(
      static_cast<size_t>(packed.is_depthwise ? packed.channels : packed.depth));
  std::memset(padding.data(), product.input.code_of_zero().value_or(0), padding.size());
  const c10::IntArrayRef none;
  const Rows rows(codes, sizes_of_window, window, padded == nullptr ? none : padded->before,
                  padded == nullptr ? none : padded->after, padding.data());
  at::DimVector sizes = {input.size(0), packed.groups * packed.channels};
  sizes.append(rows.out_sizes().begin(), rows.out_sizes().end());
  const at::Tensor results = empty_results(product, sizes, channels_last_strides(sizes));
  if (packed.is_depthwise) {
    const kernels::Lines lines = rows.lines(input.size(0), packed.columns);
    run_depthwise(
        product, lines,
        [&](int64_t begin, int64_t n, const int8_t** found) {
          rows.find_columns(begin, n, lines, found);
        },
        results);
  } else {
    run_product(
        product, input.size(0) * c10::multiply_integers(rows.out_sizes()),
        [&](int64_t begin, int64_t n, const int8_t** found) { rows.find(begin, n, found); },
        padding.data(), results);
  }
  return finish(product, results, output);
}

dispatch::RunOrReason prepare_linear(const at::Tensor& input, const at::Tensor& weight,
                                     const at::Tensor& bias, const dispatch::WantedOutput& output) {
  Prepared prepared = prepare(input, weight, bias, 1, output);
  if (!prepared.product.has_value())
    return {nullptr, std::move(prepared.why_not)};
  return {[product = *std::move(prepared.product), input, output]() -> c10::IValue {
            return linear(product, input, output);
          },
          ""};
}

}  // namespace ff::integer
