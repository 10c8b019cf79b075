#include "integer/product.h"

#include <ATen/Parallel.h>
#include <c10/util/StringUtil.h>

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <utility>

#include "kernels/product.h"
#include "kernels/table.h"
#include "quantization/cpu_memory.h"

namespace ff::integer {
namespace {

// Rows whose codes stay in the first cache while all weights pass by; a multiple of all tiles.
int64_t rows_of_block(const PackedWeight& weight) {
  constexpr int64_t kTiles = 24, kBytes = 32768, kMost = 20 * kTiles;
  const int64_t row = std::max<int64_t>(1, weight.taps * weight.depth);
  return std::clamp(kBytes / row / kTiles * kTiles, kTiles, kMost);
}

// Lines whose codes, those of the block that follows, and results stay in the second cache while
// all channels pass by, and pointers to them too.
int64_t lines_of_block(const kernels::Lines& lines, int64_t channels) {
  constexpr int64_t kBytes = 1 << 16, kPointers = 1 << 14;
  const int64_t taps = std::max<int64_t>(1, lines.columns() * lines.height);
  const int64_t bytes = lines.columns() * std::min(lines.stride, lines.height) * channels;
  return std::max<int64_t>(1, std::min(kBytes / std::max<int64_t>(1, bytes), kPointers / taps));
}

// Blocks for a thread: another one is worth some 10 microseconds of work.
int64_t grain_of(int64_t products_of_block) {
  constexpr int64_t kLeastWork = 1 << 20;
  return std::max<int64_t>(1, kLeastWork / std::max<int64_t>(1, products_of_block));
}

kernels::Product of_group(const Product& product, const Epilogue& epilogue, int64_t g) {
  const PackedWeight& weight = *product.weight;
  const int64_t first = g * weight.panel_channels();
  return {weight.group(g),
          weight.taps,
          weight.depth,
          weight.channels,
          product.input.zero,
          weight.sums.data() + first,
          epilogue.factor.data() + first,
          epilogue.shift.data() + first,
          product.output.has_value() ? static_cast<float>(product.output->low) : 0,
          product.output.has_value() ? static_cast<float>(product.output->high) : 0};
}

// Memory for pointers; each thread has its own and keeps it.
const int8_t** pointers(int64_t count) {
  thread_local std::vector<const int8_t*> memory;
  if (static_cast<int64_t>(memory.size()) < count)
    memory.resize(static_cast<size_t>(count));
  return memory.data();
}

template <typename T, typename Kernel>
void run_rows(const Product& product, int64_t rows, const FindRows& find_rows,
              const int8_t* padding, Kernel kernel, T* results) {
  const PackedWeight& weight = *product.weight;
  const std::shared_ptr<const Epilogue> epilogue = weight.epilogues.get(product);
  const int64_t block = rows_of_block(weight), stride = weight.groups * weight.channels;
  const int64_t blocks = (rows + block - 1) / block;
  const int64_t grain = grain_of(block * stride * weight.taps * weight.depth);
  at::parallel_for(0, blocks, grain, [&](int64_t first, int64_t end) {
    const int8_t** found = pointers(block * weight.taps);
    for (int64_t b = first; b < end; ++b) {
      const int64_t begin = b * block, count = std::min(block, rows - begin);
      find_rows(begin, count, found);
      for (int64_t g = 0; g < weight.groups; ++g) {
        for (int64_t i = 0; g > 0 && i < count * weight.taps; ++i) {
          if (found[i] != padding)
            found[i] += weight.depth;
        }
        kernel(found, count, of_group(product, *epilogue, g),
               results + begin * stride + g * weight.channels, stride);
      }
    }
  });
}

template <typename T, typename Kernel>
void run_lines(const Product& product, const kernels::Lines& lines, const FindColumns& find_columns,
               Kernel kernel, T* results) {
  const int64_t channels = product.weight->channels;
  const std::shared_ptr<const Epilogue> epilogue = product.weight->epilogues.get(product);
  const kernels::Product all = of_group(product, *epilogue, 0);
  const int64_t block = lines_of_block(lines, channels);
  const int64_t blocks = (lines.count + block - 1) / block;
  const int64_t grain = grain_of(block * lines.results * channels * product.weight->taps);
  at::parallel_for(0, blocks, grain, [&](int64_t first, int64_t end) {
    const int64_t size = block * lines.columns() * lines.height;
    const int8_t **found = pointers(2 * size), **next = found + size;
    kernels::Lines some = lines;
    const auto find = [&](int64_t b) {
      some.next_count = b < end ? std::min(block, lines.count - b * block) : 0;
      find_columns(b * block, some.next_count, next);
    };
    find(first);
    for (int64_t b = first; b < end; ++b) {
      std::swap(found, next);
      some.count = some.next_count;
      find(b + 1);
      some.next = next;
      kernel(found, some, all, results + b * block * lines.results * channels, channels);
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
  const kernels::ProductEntries& kernels = kernel_table().products;
  if (product.output.has_value())
    run_rows(product, rows, find_rows, padding, kernels.product_codes,
             results.mutable_data_ptr<int8_t>());
  else
    run_rows(product, rows, find_rows, padding, kernels.product_values,
             results.mutable_data_ptr<float>());
}

void run_depthwise(const Product& product, const kernels::Lines& lines,
                   const FindColumns& find_columns, const at::Tensor& results) {
  const kernels::ProductEntries& kernels = kernel_table().products;
  if (product.output.has_value())
    run_lines(product, lines, find_columns, kernels.depthwise_codes,
              results.mutable_data_ptr<int8_t>());
  else
    run_lines(product, lines, find_columns, kernels.depthwise_values,
              results.mutable_data_ptr<float>());
}

}  // namespace ff::integer
