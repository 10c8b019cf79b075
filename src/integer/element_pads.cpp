#include "integer/element_pads.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/_pad_enum.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/index_select.h>
#include <c10/util/StringUtil.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "dispatch/boxed.h"
#include "fastforward/dispatch/integer_guard.h"
#include "fastforward/tensor/quantized_tensor.h"
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

// Channels that lie together do so in the result.
at::Tensor with_border(const at::Tensor& codes, c10::IntArrayRef padding, at::padding_mode mode) {
  const bool is_batch = codes.dim() == static_cast<int64_t>(padding.size() / 2) + 2;
  const bool are_together = is_batch && codes.movedim(1, -1).is_contiguous();
  at::Tensor result = are_together ? codes.movedim(1, -1) : codes;
  for (const PaddedAxis& axis : padded_axes(codes.sizes(), padding)) {
    result = at::index_select(result, are_together ? axis.axis - 1 : axis.axis, axis.index(mode));
  }
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
