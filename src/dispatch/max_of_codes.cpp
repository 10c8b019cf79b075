#include "dispatch/max_of_codes.h"

#include <ATen/EmptyTensor.h>
#include <ATen/TensorOperators.h>

#include <algorithm>
#include <array>
#include <limits>

#include "core/huge_pages.h"
#include "core/parallel.h"

namespace ff::dispatch {
namespace {

constexpr int8_t kLowest = std::numeric_limits<int8_t>::min();

void take_greater(const int8_t* from, int64_t n, int8_t* to) {
  for (int64_t i = 0; i < n; ++i)
    to[i] = std::max(to[i], from[i]);
}

// Every stride-th code. The loop of a stride that is known is a vector loop.
template <int64_t kStride>
void take_greater_strided(const int8_t* from, int64_t stride, int64_t n, int8_t* to) {
  const int64_t step = kStride > 0 ? kStride : stride;
  for (int64_t i = 0; i < n; ++i)
    to[i] = std::max(to[i], from[i * step]);
}

// The maximum over a window is that over its lines, and of that the one over its columns.
class Lines {
 public:
  // `codes`: [images, planes, lines, columns, channels], contiguous; so is `results`.
  Lines(const int8_t* codes, const std::array<PoolAxis, 3>& axes, int64_t channels, int8_t* results)
      : codes_(codes), axes_(axes), channels_(channels), results_(results) {
    const PoolAxis& columns = axes[2];
    const int64_t reached = columns.at(columns.out - 1, columns.window - 1) + 1;
    width_ = columns.padding + std::max(columns.in, reached);
  }

  // Codes that are read for a line of results.
  int64_t work() const {
    const auto& [planes, lines, columns] = axes_;
    return planes.window * lines.window * columns.in * channels_;
  }

  void find(int64_t begin, int64_t end) const {
    // One line of codes with its padding, which never wins.
    std::vector<int8_t> line(static_cast<size_t>(width_ * channels_), kLowest);
    const PoolAxis& columns = axes_[2];
    int8_t* inner = line.data() + columns.padding * channels_;
    for (int64_t result = begin; result < end; ++result) {
      join_lines(result, inner);
      join_columns(line.data(), results_ + result * columns.out * channels_);
    }
  }

 private:
  // The greatest codes of the lines under one line of results.
  void join_lines(int64_t result, int8_t* to) const {
    const auto& [planes, lines, columns] = axes_;
    const int64_t y = result % lines.out, z = result / lines.out % planes.out;
    const int64_t image = result / (lines.out * planes.out), n = columns.in * channels_;
    bool is_first = true;
    for (int64_t k = 0; k < planes.window; ++k) {
      const int64_t plane = planes.at(z, k);
      for (int64_t j = 0; j < lines.window && planes.has(plane); ++j) {
        const int64_t line = lines.at(y, j);
        if (!lines.has(line))
          continue;
        const int8_t* from = codes_ + ((image * planes.in + plane) * lines.in + line) * n;
        if (is_first)
          std::copy_n(from, n, to);
        else
          take_greater(from, n, to);
        is_first = false;
      }
    }
  }

  // The greatest codes of the windows along a line.
  void join_columns(const int8_t* line, int8_t* to) const {
    const PoolAxis& columns = axes_[2];
    const int64_t step = columns.dilation * channels_, n = columns.out * channels_;
    if (columns.stride == 1) {
      std::copy_n(line, n, to);
      for (int64_t i = 1; i < columns.window; ++i)
        take_greater(line + i * step, n, to);
    } else if (channels_ == 1) {
      std::fill_n(to, n, kLowest);
      for (int64_t i = 0; i < columns.window; ++i) {
        if (columns.stride == 2)
          take_greater_strided<2>(line + i * step, 2, n, to);
        else
          take_greater_strided<0>(line + i * step, columns.stride, n, to);
      }
    } else {
      for (int64_t x = 0; x < columns.out; ++x, to += channels_) {
        const int8_t* from = line + x * columns.stride * channels_;
        std::copy_n(from, channels_, to);
        for (int64_t i = 1; i < columns.window; ++i)
          take_greater(from + i * step, channels_, to);
      }
    }
  }

  const int8_t* codes_;
  std::array<PoolAxis, 3> axes_;
  int64_t channels_;
  int8_t* results_;
  int64_t width_;
};

}  // namespace

bool PoolAxis::is_covered() const {
  // A window without gaps is no more than half in the padding.
  if (dilation == 1)
    return true;
  for (int64_t result = 0; result < out; ++result) {
    int64_t place = 0;
    while (place < window && !has(at(result, place)))
      ++place;
    if (place == window)
      return false;
  }
  return true;
}

at::Tensor max_of_codes(const at::Tensor& codes, const std::vector<PoolAxis>& axes) {
  const auto spatial = static_cast<int64_t>(axes.size());
  const int64_t channel_axis = codes.dim() - spatial - 1;
  const bool channels_first = codes.is_contiguous();
  const at::Tensor together =
      (channels_first ? codes : codes.movedim(channel_axis, -1)).contiguous();
  std::vector<int64_t> sizes = together.sizes().vec();
  std::array<PoolAxis, 3> all;
  for (size_t i = 0; i < axes.size(); ++i) {
    all[all.size() - axes.size() + i] = axes[i];
    sizes[static_cast<size_t>(channel_axis + (channels_first ? 1 : 0)) + i] = axes[i].out;
  }
  const int64_t channels = channels_first ? 1 : codes.size(channel_axis);
  const int64_t images = c10::multiply_integers(
      codes.sizes().slice(0, static_cast<size_t>(channel_axis + (channels_first ? 1 : 0))));
  const at::Tensor results = at::detail::empty_cpu(sizes, at::kChar);
  if (results.numel() > 0) {
    advise_huge_pages(results.mutable_data_ptr(), results.nbytes());
    const Lines lines(together.const_data_ptr<int8_t>(), all, channels,
                      results.mutable_data_ptr<int8_t>());
    const int64_t block = std::max<int64_t>(1, kBlockElements / std::max<int64_t>(1, lines.work()));
    parallel_blocks(images * all[0].out * all[1].out, block,
                    [&](int64_t begin, int64_t end) { lines.find(begin, end); });
  }
  return channels_first ? results : results.movedim(-1, channel_axis);
}

}  // namespace ff::dispatch
