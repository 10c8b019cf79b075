#include "integer/element_pads.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/_pad_enum.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <c10/util/StringUtil.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>
#include <vector>

#include "dispatch/boxed.h"
#include "fastforward/dispatch/integer_guard.h"
#include "fastforward/tensor/quantized_tensor.h"
#include "integer/code_memory.h"
#include "integer/grid.h"

namespace ff::integer {
namespace {

using dispatch::OperatorCall;
using dispatch::RunOrReason;

// An axis, and how many elements come in front of it and behind it; negative ones are taken away.
struct PaddedAxis {
  int64_t axis, size, before, after;

  int64_t new_size() const {
    return before + size + after;
  }
  // False if LibTorch refuses it, or copies elements that it has not written, as it does for
  // circular and negative padding.
  bool is_taken(at::padding_mode mode) const {
    if (size < 1 || new_size() < 1)
      return false;
    if (mode == at::padding_mode::reflect)
      return std::max(before, after) < size;
    if (mode == at::padding_mode::circular)
      return std::min(before, after) >= 0 && std::max(before, after) <= size;
    return true;
  }
  // Where LibTorch takes the elements of the result from.
  at::Tensor index(at::padding_mode mode) const {
    const at::Tensor places = at::arange(size, at::kDouble).unsqueeze(0);
    return at::_pad_enum(places, {before, after}, static_cast<int64_t>(mode))
        .squeeze(0)
        .to(at::kLong);
  }
};

// The axes that change; a padding begins with the last one.
std::vector<PaddedAxis> padded_axes(c10::IntArrayRef sizes, c10::IntArrayRef padding) {
  std::vector<PaddedAxis> axes;
  for (size_t i = 0; 2 * i + 1 < padding.size() && i < sizes.size(); ++i) {
    const size_t axis = sizes.size() - 1 - i;
    if (padding[2 * i] != 0 || padding[2 * i + 1] != 0)
      axes.push_back({static_cast<int64_t>(axis), sizes[axis], padding[2 * i], padding[2 * i + 1]});
  }
  return axes;
}

// As LibTorch takes it: images with channels, or a batch of such.
bool is_taken(const at::Tensor& self, c10::IntArrayRef padding, at::padding_mode mode,
              int64_t axes) {
  constexpr int64_t kMostAxes = 3;
  const auto count = static_cast<int64_t>(padding.size() / 2);
  const int64_t outer = self.dim() - count;
  if (padding.size() % 2 != 0 || count < 1 || count > kMostAxes || (axes > 0 && count != axes) ||
      outer < 1 || outer > 2 || c10::multiply_integers(self.sizes().slice(1)) == 0)
    return false;
  const std::vector<PaddedAxis> padded = padded_axes(self.sizes(), padding);
  return std::all_of(padded.begin(), padded.end(),
                     [&](const PaddedAxis& axis) { return axis.is_taken(mode); });
}

// Neighbours that stay neighbours.
struct Run {
  int64_t from, to, count;
};

std::vector<Run> runs_of(const at::Tensor& index) {
  const auto* from = index.const_data_ptr<int64_t>();
  std::vector<Run> runs;
  for (int64_t to = 0; to < index.numel(); ++to) {
    if (!runs.empty() && from[to] == runs.back().from + runs.back().count)
      ++runs.back().count;
    else
      runs.push_back({from[to], to, 1});
  }
  return runs;
}

// Elements [outer, planes, lines, columns] of `bytes` bytes each. Axes that are missing have one
// element.
class ElementPad {
 public:
  // `sizes` and `padding` of the axes that are padded; a padding begins with the last one.
  ElementPad(c10::IntArrayRef sizes, c10::IntArrayRef padding, at::padding_mode mode) {
    in_.fill(1);
    index_.fill(at::arange(1, at::kLong));
    for (size_t i = 0; i < sizes.size(); ++i) {
      const size_t axis = kAxes - sizes.size() + i;
      const int64_t* numbers = &padding[padding.size() - 2 * (i + 1)];
      in_[axis] = sizes[i];
      index_[axis] = PaddedAxis{0, sizes[i], numbers[0], numbers[1]}.index(mode);
      out_.push_back(index_[axis].numel());
    }
  }

  c10::IntArrayRef out_sizes() const {
    return out_;
  }

  // LibTorch's index_select of one axis after the other takes 170 microseconds for codes [2, 32,
  // 56, 56] whose channels lie together, this loop 45.
  void copy(const std::byte* from, int64_t outer, int64_t bytes, std::byte* to) const {
    const auto& [planes, lines, columns] = index_;
    const auto *plane = planes.const_data_ptr<int64_t>(), *line = lines.const_data_ptr<int64_t>();
    const std::vector<Run> runs = runs_of(columns);
    const int64_t line_bytes = columns.numel() * bytes;
    constexpr int64_t kGrain = 1 << 16;
    at::parallel_for(
        0, outer * planes.numel() * lines.numel(), std::max<int64_t>(1, kGrain / line_bytes),
        [&, &planes = planes, &lines = lines](int64_t begin, int64_t end) {
          for (int64_t i = begin; i < end; ++i) {
            const int64_t y = line[i % lines.numel()],
                          z = plane[i / lines.numel() % planes.numel()],
                          image = i / (lines.numel() * planes.numel());
            const std::byte* start = from + ((image * in_[0] + z) * in_[1] + y) * in_[2] * bytes;
            for (const Run& run : runs)
              std::copy_n(start + run.from * bytes, run.count * bytes,
                          to + i * line_bytes + run.to * bytes);
          }
        });
  }

 private:
  static constexpr size_t kAxes = 3;

  std::array<int64_t, kAxes> in_;
  std::array<at::Tensor, kAxes> index_;
  at::DimVector out_;
};

// Channels that lie together do so in the result.
at::Tensor with_border(const at::Tensor& codes, c10::IntArrayRef padding, at::padding_mode mode) {
  const size_t axes = padding.size() / 2;
  const bool is_batch = static_cast<size_t>(codes.dim()) == axes + 2;
  const bool are_together = is_batch && codes.movedim(1, -1).is_contiguous();
  const at::Tensor given = are_together ? codes.movedim(1, -1) : codes.contiguous();
  const size_t first = are_together ? 1 : static_cast<size_t>(codes.dim()) - axes;
  const ElementPad pad(given.sizes().slice(first, axes), padding, mode);
  at::DimVector sizes(given.sizes());
  std::copy(pad.out_sizes().begin(), pad.out_sizes().end(),
            sizes.begin() + static_cast<std::ptrdiff_t>(first));
  const at::Tensor result =
      given.scalar_type() == at::kChar ? empty_codes(sizes) : at::empty(sizes, given.options());
  pad.copy(static_cast<const std::byte*>(given.const_data_ptr()),
           c10::multiply_integers(given.sizes().slice(0, first)),
           given.element_size() * (are_together ? codes.size(1) : 1),
           static_cast<std::byte*>(result.mutable_data_ptr()));
  return are_together ? result.movedim(-1, 1) : result;
}

}  // namespace

BoundQuantizationFunction::Restructured padded_function(const at::Tensor& self,
                                                        c10::IntArrayRef padding) {
  std::vector<int64_t> sizes = self.sizes().vec(), changed;
  const std::vector<int64_t> before = sizes;
  for (const PaddedAxis& axis : padded_axes(before, padding)) {
    changed.push_back(axis.axis);
    sizes[static_cast<size_t>(axis.axis)] = std::max<int64_t>(0, axis.new_size());
  }
  return bound_function(self).restructure(
      {StructuralChange::Resize{std::move(changed)}, before, std::move(sizes)});
}

RunOrReason prepare_element_pad(const OperatorCall& call, at::padding_mode mode, int64_t axes) {
  if (!integers_enabled())
    return {nullptr, kIntegersAreOff};
  if (auto refusal = dispatch::needs_quantized_self(call))
    return {nullptr, *std::move(refusal)};
  const at::Tensor& self = call[0].toTensor();
  if (!self.device().is_cpu())
    return {nullptr, c10::str("the input is on ", self.device(), ", and integers run on the CPU")};
  const at::DimVector padding = call[1].toDimVector();
  const auto value = call.schema().argumentIndexWithName("value");
  if (value.has_value() && call[*value].isScalar() && call[*value].toScalar().toDouble() != 0)
    return {nullptr, "it has a value, and its border is made of elements"};
  if (!is_taken(self, padding, mode, axes))
    return {nullptr, c10::str("its padding ", c10::IntArrayRef(padding),
                              " is not for an input of shape ", self.sizes())};
  auto restructured = padded_function(self, padding);
  if (!restructured.function.has_value())
    return {nullptr, "the input: " + restructured.why_not};
  return {[self, padding, mode, function = *std::move(restructured.function)]() -> c10::IValue {
            return function.attach(with_border(codes(self), padding, mode), self.scalar_type());
          },
          ""};
}

}  // namespace ff::integer
