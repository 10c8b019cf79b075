#include <ATen/EmptyTensor.h>
#include <ATen/Parallel.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <c10/core/WrapDimMinimal.h>
#include <c10/util/StringUtil.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <mutex>
#include <numeric>
#include <utility>

#include "dispatch/boxed.h"
#include "fastforward/dispatch/integer_guard.h"
#include "fastforward/tensor/quantized_tensor.h"
#include "integer/builtin.h"
#include "integer/convolution.h"
#include "kernels/product.h"

// Means over windows and over whole images.
namespace ff::integer {
namespace {

using dispatch::for_each_axis;
using dispatch::OperatorCall;
using dispatch::wanted_output;

// What is averaged: a window that moves, or the whole image.
struct Average {
  at::DimVector window;
  Window geometry;
  double divisor = 1;
  bool is_global = false;
  bool keeps_axes = true;
  // False for one image without an axis of a batch.
  bool is_batch = true;
};

// The average that a call computes, or why integers do not.
using Describe =
    std::function<std::optional<std::string>(const OperatorCall&, const at::Tensor&, Average&)>;

// Pools take images [channels, axes...] or batches of them.
std::optional<std::string> needs_images(const at::Tensor& self, size_t axes) {
  const auto inner = static_cast<int64_t>(axes) + 1;
  if (self.dim() != inner && self.dim() != inner + 1)
    return c10::str("it has ", self.dim(), " axes, and the operator takes ", inner, " or ",
                    inner + 1);
  if (c10::multiply_integers(self.sizes().slice(static_cast<size_t>(self.dim() - inner))) == 0)
    return "its images have no elements";
  return std::nullopt;
}

bool is_padded(const Average& average) {
  const at::DimVector& padding = average.geometry.padding;
  return std::any_of(padding.begin(), padding.end(), [](int64_t n) { return n > 0; });
}

std::optional<std::string> describe_windows(const Average& average, c10::IntArrayRef sizes,
                                            bool ceil_mode) {
  for (size_t axis = 0; axis < sizes.size(); ++axis) {
    const int64_t window = average.window[axis], stride = average.geometry.stride[axis],
                  padding = average.geometry.padding[axis];
    const int64_t room = sizes[axis] + 2 * padding - window;
    if (room < 0 || window < 1 || stride < 1)
      return "its window is larger than the padded input";
    if (padding < 0 || padding > window / 2)
      return "its padding is negative, or more than half of its window";
    if (ceil_mode && room % stride != 0)
      return "its last windows go over the edge (ceil_mode)";
  }
  return std::nullopt;
}

std::optional<std::string> describe_pool(const OperatorCall& call, const at::Tensor& self,
                                         size_t axes, Average& average) {
  if (auto refusal = needs_images(self, axes))
    return refusal;
  average.window = for_each_axis(call.argument("kernel_size"), axes);
  average.geometry.stride = for_each_axis(call.argument("stride"), axes);
  if (average.geometry.stride.empty())
    average.geometry.stride = average.window;
  average.geometry.padding = for_each_axis(call.argument("padding"), axes);
  average.geometry.dilation.assign(axes, 1);
  for (const at::DimVector* numbers :
       {&average.window, &average.geometry.stride, &average.geometry.padding}) {
    if (numbers->size() != axes)
      return c10::str("it has ", numbers->size(), " numbers for ", axes, " axes");
  }
  const c10::IntArrayRef sizes = self.sizes().slice(static_cast<size_t>(self.dim()) - axes);
  if (auto refusal = describe_windows(average, sizes, call.argument("ceil_mode").toBool()))
    return refusal;
  if (is_padded(average) && !call.argument("count_include_pad").toBool())
    return "it counts the padding out (count_include_pad)";
  average.divisor = static_cast<double>(c10::multiply_integers(average.window));
  const auto divisor = call.schema().argumentIndexWithName("divisor_override");
  if (divisor.has_value() && call[*divisor].isInt())
    average.divisor = static_cast<double>(call[*divisor].toInt());
  average.is_batch = self.dim() == static_cast<int64_t>(axes) + 2;
  return std::nullopt;
}

std::optional<std::string> describe_adaptive(const OperatorCall& call, const at::Tensor& self,
                                             size_t axes, Average& average) {
  if (auto refusal = needs_images(self, axes))
    return refusal;
  const at::DimVector output = call[1].toDimVector();
  if (output.size() != axes)
    return c10::str("it has ", output.size(), " numbers for ", axes, " axes");
  const c10::IntArrayRef sizes = self.sizes().slice(static_cast<size_t>(self.dim()) - axes);
  for (size_t axis = 0; axis < axes; ++axis) {
    const int64_t size = sizes[axis];
    if (output[axis] < 1 || size % output[axis] != 0)
      return c10::str("its windows are not all of one size: ", size, " elements for ",
                      output[axis]);
    average.window.push_back(size / output[axis]);
  }
  average.geometry = {average.window, at::DimVector(axes, 0), at::DimVector(axes, 1)};
  average.divisor = static_cast<double>(c10::multiply_integers(average.window));
  average.is_global =
      std::all_of(output.begin(), output.end(), [](int64_t size) { return size == 1; });
  average.is_batch = self.dim() == static_cast<int64_t>(axes) + 2;
  return std::nullopt;
}

std::optional<std::string> describe_mean(const OperatorCall& call, const at::Tensor& self,
                                         Average& average) {
  if (self.dim() < 3)
    return "it is not a batch of images";
  if (!call[1].isIntList())
    return "it is a mean over all axes, that of the batch too";
  std::vector<int64_t> axes = call[1].toIntVector();
  for (int64_t& axis : axes)
    axis = c10::maybe_wrap_dim(axis, self.dim());
  std::sort(axes.begin(), axes.end());
  std::vector<int64_t> expected(static_cast<size_t>(std::max<int64_t>(0, self.dim() - 2)));
  std::iota(expected.begin(), expected.end(), 2);
  if (axes.empty() || axes != expected)
    return c10::str("it is a mean over the axes ", c10::IntArrayRef(axes),
                    ", and integers take all that come behind the channels");
  if (!call.argument("dtype").isNone())
    return "it gives another type (dtype)";
  average.divisor = static_cast<double>(c10::multiply_integers(self.sizes().slice(2)));
  average.is_global = true;
  average.keeps_axes = call.argument("keepdim").toBool();
  return std::nullopt;
}

std::optional<std::string> why_no_average(const OperatorCall& call, const Describe& describe,
                                          Average& average) {
  if (!integers_enabled())
    return kIntegersAreOff;
  if (auto refusal = dispatch::needs_quantized_self(call))
    return refusal;
  const at::Tensor self = call[0].toTensor();
  const GridOrReason input = grid_of(self);
  if (!input.grid.has_value())
    return "the input: " + input.why_not;
  if (!grid_of(wanted_output()).has_value())
    return kNoOutputGrid;
  if (auto refusal = describe(call, self, average))
    return refusal;
  if (average.divisor == 0)
    return "it divides by zero";
  // 2^31 / (2 * kLargestZero)
  constexpr int64_t kMost = int64_t{1} << 16, kMostOffset = int64_t{1} << 14;
  if (average.is_global && (average.divisor > kMost || std::abs(input.grid->zero) > kMostOffset))
    return "sums over the image do not fit into 32 bits";
  if (!average.is_global && c10::multiply_integers(average.window) > kernels::kDepthwiseTaps)
    return c10::str("its window has more than ", kernels::kDepthwiseTaps, " places");
  if (is_padded(average) && !input.grid->code_of_zero().has_value())
    return "the input is padded with zeros, and its grid has no code for zero";
  return std::nullopt;
}

// A weight of ones for each channel: the window's sum is a depthwise convolution. Kept.
std::shared_ptr<const PackedWeight> ones(int64_t channels, c10::IntArrayRef window) {
  static std::mutex mutex;
  static auto* known = new std::map<std::vector<int64_t>, std::shared_ptr<const PackedWeight>>;
  std::vector<int64_t> sizes = {channels, 1};
  sizes.insert(sizes.end(), window.begin(), window.end());
  const std::scoped_lock lock(mutex);
  std::shared_ptr<const PackedWeight>& packed = (*known)[sizes];
  if (packed == nullptr)
    packed = pack_weight(at::ones(sizes, at::kChar), channels);
  return packed;
}

at::Tensor window_average(const at::Tensor& self, const Average& average,
                          const dispatch::WantedOutput& output) {
  const Product product{*grid_of(self).grid,
                        ones(self.size(1), average.window),
                        at::full({1}, 1 / average.divisor, at::kDouble),
                        {},
                        grid_of(output)};
  return windows(product, self, average.window, average.geometry, output);
}

// The sum of `count` rows of `channels` codes.
void add_rows(const int8_t* rows, int64_t count, int64_t channels, int32_t* sums) {
  std::fill_n(sums, channels, 0);
  for (int64_t row = 0; row < count; ++row) {
    const int8_t* from = rows + row * channels;
    for (int64_t c = 0; c < channels; ++c)
      sums[c] += from[c];
  }
}

// code = clamp(round_half_even(sum * factor + shift)), in float64.
at::Tensor global_average(const at::Tensor& self, const Average& average,
                          const dispatch::WantedOutput& output) {
  const Grid input = *grid_of(self).grid, result = *grid_of(output);
  const at::Tensor given = codes(self);
  const bool channels_first = given.stride(1) != 1 && given.is_contiguous();
  const at::Tensor together = channels_first ? given : given.movedim(1, -1).contiguous();
  const int64_t batch = self.size(0), channels = self.size(1);
  const auto count = static_cast<int64_t>(average.divisor);
  const double factor = static_cast<double>(input.scale) / (average.divisor * result.scale);
  const double low = result.low, high = result.high;
  const double shift = static_cast<double>(input.zero) * input.scale / result.scale - result.zero;
  std::vector<int64_t> sizes = {batch, channels};
  if (average.keeps_axes)
    sizes.resize(static_cast<size_t>(self.dim()), 1);
  const at::Tensor averages = at::detail::empty_cpu(sizes, at::kChar);
  const auto* from = together.const_data_ptr<int8_t>();
  auto* to = averages.mutable_data_ptr<int8_t>();
  at::parallel_for(0, batch, 1, [&](int64_t begin, int64_t end) {
    std::vector<int32_t> sums(static_cast<size_t>(channels));
    for (int64_t image = begin; image < end; ++image) {
      const int8_t* codes = from + image * channels * count;
      if (channels_first) {
        for (int64_t c = 0; c < channels; ++c)
          sums[static_cast<size_t>(c)] =
              std::accumulate(codes + c * count, codes + (c + 1) * count, int32_t{0});
      } else {
        add_rows(codes, count, channels, sums.data());
      }
      for (int64_t c = 0; c < channels; ++c) {
        const double position = sums[static_cast<size_t>(c)] * factor + shift;
        // Rounds to even numbers as nearbyint() does, in a vector loop.
        constexpr double kRound = 3LL << 51;
        to[image * channels + c] =
            static_cast<int8_t>(std::clamp(position, low, high) + kRound - kRound);
      }
    }
  });
  return output.function->attach(averages, at::kFloat);
}

at::Tensor average_of(const at::Tensor& images, const Average& average,
                      const dispatch::WantedOutput& output) {
  return average.is_global ? global_average(images, average, output)
                           : window_average(images, average, output);
}

void add(const std::string& name, const Describe& describe) {
  dispatch::register_prepared(
      name, "average of codes", [=](const OperatorCall& call) -> dispatch::RunOrReason {
        Average average;
        if (auto refusal = why_no_average(call, describe, average))
          return {nullptr, *std::move(refusal)};
        return {[=, self = call[0].toTensor(), output = wanted_output()]() -> c10::IValue {
                  if (average.is_batch)
                    return average_of(self, average, output);
                  const at::Tensor batch = bound_function(self).attach(codes(self).unsqueeze(0));
                  return output.function->attach(
                      codes(average_of(batch, average, output)).squeeze(0), at::kFloat);
                },
                ""};
      });
}

}  // namespace

void register_averages() {
  for (const size_t axes : {1, 2, 3}) {
    add(c10::str("aten::avg_pool", axes, "d"),
        [=](const OperatorCall& call, const at::Tensor& self, Average& average) {
          return describe_pool(call, self, axes, average);
        });
    add(c10::str("aten::adaptive_avg_pool", axes, "d"),
        [=](const OperatorCall& call, const at::Tensor& self, Average& average) {
          return describe_adaptive(call, self, axes, average);
        });
  }
  add("aten::mean.dim", describe_mean);
}

}  // namespace ff::integer
