#include "integer/convolution.h"

#include <ATen/EmptyTensor.h>
#include <ATen/TensorOperators.h>
#include <c10/util/Exception.h>
#include <c10/util/SmallVector.h>
#include <c10/util/StringUtil.h>
#include <c10/util/strides.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <numeric>
#include <utility>

#include "core/huge_pages.h"
#include "fastforward/dispatch/integer_guard.h"
#include "fastforward/tensor/quantized_tensor.h"
#include "integer/blocks.h"
#include "integer/channels_last.h"
#include "integer/code_memory.h"
#include "integer/padded_codes.h"
#include "integer/product.h"
#include "integer/window_rows.h"
#include "tensor/plain.h"

namespace ff::integer {
namespace {

// Why a bias is not one number for each channel; empty if it is, or if there is none.
std::string why_no_bias(const at::Tensor& bias, int64_t channels) {
  if (!bias.defined())
    return "";
  if (bias.dim() != 1 || bias.size(0) != channels)
    return c10::str("its bias has shape ", bias.sizes(),
                    ", and integers take one number for each of ", channels, " channels");
  if (bias.scalar_type() != at::kFloat || !bias.device().is_cpu())
    return c10::str("its bias has type ", bias.scalar_type(), " on ", bias.device(),
                    ", and integers take Float on the CPU");
  return "";
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
  for (const at::Tensor& each : {bias, output.bias}) {
    std::string why_not = why_no_bias(each, weight.size(0));
    if (!why_not.empty())
      return {{}, std::move(why_not)};
  }
  Product product{
      *grid.grid, packed_weight(weight, groups), std::move(scales.scales), {}, grid_of(output)};
  if (bias.defined())
    product.bias = plain(bias).contiguous();
  if ((product.output.has_value() || output.is_read_in_blocks) && output.bias.defined()) {
    const at::Tensor more = plain(output.bias).contiguous();
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

// The product of rows of codes that lie one after the other.
class LinearRows {
 public:
  LinearRows(const Product& product, const at::Tensor& input)
      : product_(product), codes_(codes(input).contiguous()), sizes_(input.sizes()) {
    sizes_.back() = product.weight->channels;
  }

  const Product& product() const {
    return product_;
  }
  // Of the results.
  const at::DimVector& sizes() const {
    return sizes_;
  }
  // Those of all results.
  at::DimVector strides() const {
    return c10::contiguous_strides(sizes_);
  }
  // The axes of results as they lie in memory, and from which of them on they are computed at once.
  BlockLayout layout() const {
    std::vector<size_t> order(sizes_.size());
    std::iota(order.begin(), order.end(), size_t{0});
    return {{sizes_.begin(), sizes_.end()}, std::move(order), sizes_.size() - 1};
  }
  // Computes rows of results from `begin` on.
  void compute(int64_t begin, int64_t count, const at::Tensor& results) const {
    const int64_t depth = product_.weight->depth;
    const int8_t* from = codes_.const_data_ptr<int8_t>() + begin * depth;
    run_product(
        product_, count,
        [&](int64_t first, int64_t n, const int8_t** found) {
          for (int64_t i = 0; i < n; ++i)
            found[i] = from + (first + i) * depth;
        },
        nullptr, results);
  }

 private:
  Product product_;
  at::Tensor codes_;
  at::DimVector sizes_;
};

// The product of all windows of images.
class Windows {
 public:
  Windows(const Product& product, const at::Tensor& input, c10::IntArrayRef window,
          const Window& geometry)
      : Windows(product, padded_in(product, input), input, window, geometry) {}
  Windows(const Windows&) = delete;
  Windows& operator=(const Windows&) = delete;

  const Product& product() const {
    return product_;
  }
  const at::DimVector& sizes() const {
    return sizes_;
  }
  at::DimVector strides() const {
    return channels_last_strides(sizes_);
  }
  BlockLayout layout() const {
    std::vector<size_t> order(sizes_.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::rotate(order.begin() + 1, order.begin() + 2, order.end());  // channels last
    const size_t whole = product_.weight->is_depthwise ? 2 : 1;
    return {{sizes_.begin(), sizes_.end()}, std::move(order), sizes_.size() - whole};
  }
  void compute(int64_t begin, int64_t count, const at::Tensor& results) const {
    if (!product_.weight->is_depthwise) {
      run_product(
          product_, count,
          [&](int64_t first, int64_t n, const int8_t** found) {
            rows_.find(begin + first, n, found);
          },
          padding_.data(), results);
      return;
    }
    kernels::Lines lines = rows_.lines(sizes_[0], product_.weight->columns);
    lines.count = count / std::max<int64_t>(1, lines.results);
    const int64_t line = begin / std::max<int64_t>(1, lines.results);
    run_depthwise(
        product_, lines,
        [&](int64_t first, int64_t n, const int8_t** found) {
          rows_.find_columns(line + first, n, lines, found);
        },
        results);
  }

 private:
  static constexpr size_t kMostInPlace = 2048;
  using Padding = c10::SmallVector<int8_t, kMostInPlace>;

  // Codes of images whose border need not be copied; null for others.
  static const PaddedCodes* padded_in(const Product& product, const at::Tensor& input) {
    const PaddedCodes* padded = padded_codes(input);
    return padded != nullptr && padded->fill == product.input.code_of_zero() ? padded : nullptr;
  }
  // What stands for codes outside of the images.
  static Padding padding_of(const Product& product) {
    Padding padding;
    padding.resize_for_overwrite(static_cast<size_t>(
        product.weight->is_depthwise ? product.weight->channels : product.weight->depth));
    std::memset(padding.data(), product.input.code_of_zero().value_or(0), padding.size());
    return padding;
  }
  Windows(const Product& product, const PaddedCodes* padded, const at::Tensor& input,
          c10::IntArrayRef window, const Window& geometry)
      : product_(product),
        codes_(channels_together(padded != nullptr ? padded->inner : codes(input))),
        padding_(padding_of(product)),
        rows_(codes_, window, geometry, padded == nullptr ? c10::IntArrayRef() : padded->before,
              padded == nullptr ? c10::IntArrayRef() : padded->after, padding_.data()),
        sizes_({input.size(0), product.weight->groups * product.weight->channels}) {
    sizes_.append(rows_.out_sizes().begin(), rows_.out_sizes().end());
  }

  Product product_;
  at::Tensor codes_;
  Padding padding_;
  WindowRows rows_;
  at::DimVector sizes_;
};

// The values of a product, block by block.
template <typename Rows>
class ProductValues final : public BlockValues {
 public:
  explicit ProductValues(std::unique_ptr<const Rows> rows)
      : BlockValues(rows->layout()), rows_(std::move(rows)) {}

  at::Tensor block(const Block& block) const override {
    at::DimVector sizes, back(block.size.size());
    int64_t begin = 0;
    bool is_cut = false;
    for (const size_t axis : layout().order) {
      // One range of rows.
      TORCH_INTERNAL_ASSERT(!is_cut || block.size[axis] == layout().sizes[axis]);
      is_cut = is_cut || block.size[axis] != 1;
      back[axis] = static_cast<int64_t>(sizes.size());
      sizes.push_back(block.size[axis]);
      if (sizes.size() < block.size.size())
        begin = begin * layout().sizes[axis] + block.begin[axis];
    }
    const at::Tensor results = at::detail::empty_cpu(sizes, at::kFloat);
    rows_->compute(begin, results.numel() / sizes.back(), results);
    return results.permute(back);
  }
  bool reads(const c10::StorageImpl* memory) const override {
    return is_memory_of(rows_->product().bias, memory);
  }

 private:
  std::unique_ptr<const Rows> rows_;
};

// All results, on the grid of `output` or in values, or what gives values block by block.
template <typename Rows, typename... Arguments>
at::Tensor results_of(const dispatch::WantedOutput& output, const Product& product,
                      const Arguments&... arguments) {
  if (!product.output.has_value() && output.is_read_in_blocks && product.weight->channels > 0)
    return tensor_of(
        std::make_shared<ProductValues<Rows>>(std::make_unique<const Rows>(product, arguments...)));
  const Rows rows(product, arguments...);
  const at::Tensor results = empty_results(product, rows.sizes(), rows.strides());
  const int64_t channels = product.weight->groups * product.weight->channels;
  rows.compute(0, channels == 0 ? 0 : results.numel() / channels, results);
  return product.output.has_value() ? output.function->attach(results, at::kFloat) : results;
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
  return results_of<Windows>(output, product, input, sizes_of_window, window);
}

dispatch::RunOrReason prepare_linear(const at::Tensor& input, const at::Tensor& weight,
                                     const at::Tensor& bias, const dispatch::WantedOutput& output) {
  Prepared prepared = prepare(input, weight, bias, 1, output);
  if (!prepared.product.has_value())
    return {nullptr, std::move(prepared.why_not)};
  return {[product = *std::move(prepared.product), input, output]() -> c10::IValue {
            return results_of<LinearRows>(output, product, input);
          },
          ""};
}

}  // namespace ff::integer
