#include "integer/product.h"

#include <ATen/Parallel.h>
#include <c10/util/StringUtil.h>

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <type_traits>

#include "kernels/product.h"
#include "kernels/table.h"
#include "quantization/cpu_memory.h"

namespace ff::integer {
namespace {

// What turns sums into results, for each output channel of each group.
struct Epilogue {
  std::vector<float> factor, shift;
};

// factor = input scale * weight scale / output scale, shift = bias / output scale - zero, each
// rounded once.
Epilogue epilogue_of(const Product& product) {
  const PackedWeight& weight = *product.weight;
  const int64_t panel = weight.panel_channels();
  const auto size = static_cast<size_t>(weight.groups * panel);
  Epilogue result{std::vector<float>(size), std::vector<float>(size)};
  const double unit = product.output.has_value() ? product.output->scale : 1.0;
  const double zero = product.output.has_value() ? product.output->zero : 0.0;
  const float* bias = product.bias.defined() ? product.bias.const_data_ptr<float>() : nullptr;
  for (int64_t g = 0; g < weight.groups; ++g) {
    for (int64_t c = 0; c < weight.channels; ++c) {
      const int64_t channel = g * weight.channels + c;
      const double scale =
          product
              .weight_scales[product.weight_scales.size() == 1 ? 0 : static_cast<size_t>(channel)];
      const auto at = static_cast<size_t>(g * panel + c);
      result.factor[at] = static_cast<float>(product.input.scale * scale / unit);
      result.shift[at] = static_cast<float>((bias == nullptr ? 0.0 : bias[channel]) / unit - zero);
    }
  }
  return result;
}

// Rows whose codes stay in the first cache while all weights pass by; a multiple of all tiles.
int64_t rows_of_block(const PackedWeight& weight) {
  constexpr int64_t kTiles = 24, kBytes = 32768, kMost = 20 * kTiles;
  const int64_t row =
      std::max<int64_t>(1, weight.is_depthwise ? weight.channels : weight.taps * weight.depth);
  return std::clamp(kBytes / row / kTiles * kTiles, kTiles, kMost);
}

// The kernel that writes results of type T.
template <typename T>
auto kernel_of(const kernels::ProductEntries& entries, bool is_depthwise) {
  if constexpr (std::is_same_v<T, int8_t>)
    return is_depthwise ? entries.depthwise_codes : entries.product_codes;
  else
    return is_depthwise ? entries.depthwise_values : entries.product_values;
}

template <typename T>
void run(const Product& product, int64_t rows, const FindRows& find_rows, const int8_t* padding,
         T* results) {
  const PackedWeight& weight = *product.weight;
  const Epilogue epilogue = epilogue_of(product);
  const auto kernel = kernel_of<T>(kernel_table().products, weight.is_depthwise);
  const int64_t block = rows_of_block(weight), panel = weight.panel_channels();
  const int64_t stride = weight.groups * weight.channels;
  const auto begin_of = [&](int64_t g) {
    return kernels::Product{
        weight.group(g),
        weight.taps,
        weight.depth,
        weight.channels,
        product.input.zero,
        weight.sums.data() + g * panel,
        epilogue.factor.data() + g * panel,
        epilogue.shift.data() + g * panel,
        product.output.has_value() ? static_cast<float>(product.output->low) : 0,
        product.output.has_value() ? static_cast<float>(product.output->high) : 0};
  };
  const int64_t blocks = (rows + block - 1) / block;
  // Another thread is worth some 10 microseconds of work.
  constexpr int64_t kLeastWork = 1 << 20;
  const int64_t work = block * stride * weight.taps * weight.depth;
  const int64_t grain = std::max<int64_t>(1, kLeastWork / std::max<int64_t>(1, work));
  at::parallel_for(0, blocks, grain, [&](int64_t first, int64_t end) {
    std::vector<const int8_t*> found(static_cast<size_t>(block * weight.taps));
    for (int64_t b = first; b < end; ++b) {
      const int64_t begin = b * block, count = std::min(block, rows - begin);
      find_rows(begin, count, found.data());
      for (int64_t g = 0; g < weight.groups; ++g) {
        if (g > 0) {
          for (int64_t i = 0; i < count * weight.taps; ++i) {
            if (found[static_cast<size_t>(i)] != padding)
              found[static_cast<size_t>(i)] += weight.depth;
          }
        }
        kernel(found.data(), count, begin_of(g), results + begin * stride + g * weight.channels,
               stride);
      }
    }
  });
}

}  // namespace

std::string why_too_large(const Product& product) {
  const int64_t code = std::max(std::abs(int64_t{-128} + product.input.zero),
                                std::abs(int64_t{127} + product.input.zero));
  if (code * product.weight->largest <= std::numeric_limits<int32_t>::max())
    return "";
  return c10::str("sums of ", product.weight->taps * product.weight->depth,
                  " products do not fit into 32 bits");
}

void run_product(const Product& product, int64_t rows, const FindRows& find_rows,
                 const int8_t* padding, const at::Tensor& results) {
  if (product.output.has_value()) {
    run(product, rows, find_rows, padding, results.mutable_data_ptr<int8_t>());
  } else {
    run(product, rows, find_rows, padding, results.mutable_data_ptr<float>());
  }
}

}  // namespace ff::integer
