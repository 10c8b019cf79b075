#include "integer/convolution.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <c10/util/StringUtil.h>

#include <algorithm>
#include <utility>

#include "fastforward/dispatch/integer_guard.h"
#include "fastforward/tensor/quantized_tensor.h"
#include "integer/product.h"

namespace ff::integer {
namespace {

// All that is known before anything is computed, or why there is nothing to compute.
struct Prepared {
  std::optional<Product> product;
  std::string why_not;
};

Prepared prepare(const at::Tensor& input, const at::Tensor& weight, const at::Tensor& bias,
                 int64_t groups, const dispatch::WantedOutput& output) {
  if (!integers_enabled())
    return {{}, "integers are off; turn them on with ff::IntegerGuard"};
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
  Product product{*grid.grid,
                  packed_weight(codes(weight), groups),
                  std::move(scales.scales),
                  {},
                  grid_of(output)};
  if (bias.defined())
    product.bias = (is_quantized(bias) ? ff::dequantize(bias) : bias).to(at::kFloat).contiguous();
  std::string why_not = why_too_large(product);
  if (!why_not.empty())
    return {{}, std::move(why_not)};
  return {std::move(product), ""};
}

at::Tensor empty_results(const Product& product, std::vector<int64_t> sizes) {
  return at::empty(sizes, product.output.has_value() ? at::kChar : at::kFloat);
}

at::Tensor finish(const Product& product, const at::Tensor& results,
                  const dispatch::WantedOutput& output) {
  return product.output.has_value() ? output.function->attach(results, at::kFloat) : results;
}

// The codes under a window, for each place of it.
class Rows {
 public:
  // `codes`: [batch, axes..., channels], contiguous.
  Rows(const at::Tensor& codes, c10::IntArrayRef window, const Window& geometry,
       const int8_t* padding)
      : codes_(codes.const_data_ptr<int8_t>()),
        channels_(codes.size(-1)),
        padding_(padding),
        geometry_(geometry) {
    for (size_t axis = 0; axis < window.size(); ++axis) {
      window_.push_back(window[axis]);
      in_.push_back(codes.size(static_cast<int64_t>(axis) + 1));
      out_.push_back((in_[axis] + 2 * geometry.padding[axis] -
                      geometry.dilation[axis] * (window[axis] - 1) - 1) /
                         geometry.stride[axis] +
                     1);
    }
  }

  const std::vector<int64_t>& out_sizes() const {
    return out_;
  }

  void find(int64_t begin, int64_t count, const int8_t** rows) const {
    for (int64_t row = begin; row < begin + count; ++row) {
      std::vector<int64_t> corner(out_.size());
      int64_t rest = row;
      for (size_t axis = out_.size(); axis-- > 0; rest /= out_[axis])
        corner[axis] = rest % out_[axis] * geometry_.stride[axis] - geometry_.padding[axis];
      rows = find_taps(0, rest, true, corner, rows);
    }
  }

 private:
  // All places of the window from `axis` on; `place` counts the elements before that axis.
  const int8_t** find_taps(size_t axis, int64_t place, bool is_inside,
                           const std::vector<int64_t>& corner, const int8_t** rows) const {
    if (axis == window_.size()) {
      *rows = is_inside ? codes_ + place * channels_ : padding_;
      return rows + 1;
    }
    for (int64_t tap = 0; tap < window_[axis]; ++tap) {
      const int64_t at = corner[axis] + tap * geometry_.dilation[axis];
      rows = find_taps(axis + 1, place * in_[axis] + at, is_inside && at >= 0 && at < in_[axis],
                       corner, rows);
    }
    return rows;
  }

  const int8_t* codes_;
  int64_t channels_;
  const int8_t* padding_;
  Window geometry_;
  std::vector<int64_t> window_, in_, out_;
};

}  // namespace

std::optional<std::string> why_no_product(const at::Tensor& input, const at::Tensor& weight,
                                          const at::Tensor& bias, const Window& window,
                                          const dispatch::WantedOutput& output) {
  const bool is_padded = std::any_of(window.padding.begin(), window.padding.end(),
                                     [](int64_t padding) { return padding > 0; });
  Prepared prepared = prepare(input, weight, bias, window.groups, output);
  if (!prepared.product.has_value())
    return std::move(prepared.why_not);
  if (is_padded && !prepared.product->input.code_of_zero().has_value())
    return "the input is padded with zeros, and its grid has no code for zero";
  return std::nullopt;
}

at::Tensor convolution(const at::Tensor& input, const at::Tensor& weight, const at::Tensor& bias,
                       const Window& window, const dispatch::WantedOutput& output) {
  const Product product = *prepare(input, weight, bias, window.groups, output).product;
  const at::Tensor together = codes(input).movedim(1, -1).contiguous();
  const std::vector<int8_t> padding(static_cast<size_t>(product.weight->depth),
                                    product.input.code_of_zero().value_or(0));
  const Rows rows(together, weight.sizes().slice(2), window, padding.data());
  std::vector<int64_t> sizes = {input.size(0)};
  sizes.insert(sizes.end(), rows.out_sizes().begin(), rows.out_sizes().end());
  const int64_t count = c10::multiply_integers(sizes);
  sizes.push_back(weight.size(0));
  const at::Tensor results = empty_results(product, sizes);
  run_product(
      product, count,
      [&](int64_t begin, int64_t n, const int8_t** found) { rows.find(begin, n, found); },
      padding.data(), results);
  return finish(product, results.movedim(-1, 1), output);
}

at::Tensor linear(const at::Tensor& input, const at::Tensor& weight, const at::Tensor& bias,
                  const dispatch::WantedOutput& output) {
  const Product product = *prepare(input, weight, bias, 1, output).product;
  const at::Tensor together = codes(input).contiguous();
  const auto* from = together.const_data_ptr<int8_t>();
  const int64_t depth = weight.size(1);
  std::vector<int64_t> sizes = input.sizes().vec();
  sizes.back() = weight.size(0);
  const at::Tensor results = empty_results(product, sizes);
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

}  // namespace ff::integer
