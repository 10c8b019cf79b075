#include <ATen/ops/cat.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/index_select.h>
#include <c10/core/WrapDimMinimal.h>
#include <c10/util/StringUtil.h>

#include <algorithm>
#include <cmath>

#include "dispatch/boxed.h"
#include "fastforward/dispatch/integer_guard.h"
#include "fastforward/dispatch/strict.h"
#include "fastforward/tensor/quantized_tensor.h"
#include "integer/builtin.h"
#include "integer/grid.h"
#include "integer/padded_codes.h"

// Operators that move codes and add a constant one, or put tensors on one grid.
namespace ff::integer {
namespace {

using dispatch::OperatorCall;
using dispatch::wanted_output;

// aten::pad has a mode; aten::constant_pad_nd has none.
double fill_of(const OperatorCall& call) {
  const auto value = call.schema().argumentIndexWithName("value");
  return value.has_value() && call[*value].isScalar() ? call[*value].toScalar().toDouble() : 0.0;
}

// The code of exactly this value, if there is one.
std::optional<int8_t> code_of(const Grid& grid, double value) {
  if (value == 0)
    return grid.code_of_zero();
  const int32_t code = grid.code_of(static_cast<float>(value));
  const float back = static_cast<float>(code + grid.zero) * grid.scale;
  return static_cast<double>(back) == value ? std::optional(static_cast<int8_t>(code))
                                            : std::nullopt;
}

std::optional<std::string> why_no_pad(const OperatorCall& call) {
  if (!integers_enabled())
    return kIntegersAreOff;
  if (auto refusal = dispatch::needs_quantized_self(call))
    return refusal;
  const auto mode = call.schema().argumentIndexWithName("mode");
  if (mode.has_value() && call[*mode].isString() && call[*mode].toStringRef() != "constant")
    return "its mode is '" + call[*mode].toStringRef() + "'";
  const GridOrReason grid = grid_of(call[0].toTensor());
  if (!grid.grid.has_value())
    return "the input: " + grid.why_not;
  if (!code_of(*grid.grid, fill_of(call)).has_value())
    return c10::str("the grid of the input has no code for ", fill_of(call),
                    ", with which it is padded");
  return std::nullopt;
}

c10::IValue pad(const OperatorCall& call) {
  const at::Tensor self = call[0].toTensor();
  const int8_t fill = *code_of(*grid_of(self).grid, fill_of(call));
  std::vector<int64_t> padding = call[1].toIntVector();
  if (padded_codes(self) == nullptr && is_border(codes(self), padding)) {
    padding.resize(4);  // left, right, above, below
    return padded_tensor({codes(self), fill, {padding[2], padding[0]}, {padding[3], padding[1]}},
                         bound_function(self));
  }
  return bound_function(self).attach(
      at::constant_pad_nd(codes(self), padding, static_cast<int64_t>(fill)), at::kFloat);
}

std::optional<std::string> why_no_cat(const OperatorCall& call) {
  if (!integers_enabled())
    return kIntegersAreOff;
  if (!grid_of(wanted_output()).has_value())
    return kNoOutputGrid;
  const std::vector<at::Tensor> tensors = call[0].toTensorVector();
  if (tensors.empty() || std::none_of(tensors.begin(), tensors.end(), is_quantized))
    return "none of its tensors is quantized";
  for (const at::Tensor& tensor : tensors) {
    if (tensor.dim() != tensors[0].dim() || tensor.scalar_type() != at::kFloat ||
        !tensor.device().is_cpu())
      return "its tensors differ in type, device or number of axes";
    if (is_quantized(tensor) && !grid_of(tensor).grid.has_value())
      return "one of its tensors: " + grid_of(tensor).why_not;
  }
  return std::nullopt;
}

// The codes of each tensor on the grid of the result.
at::Tensor codes_on(const dispatch::WantedOutput& output, const at::Tensor& tensor) {
  if (!is_quantized(tensor))
    return codes(output.function->quantize(tensor));
  if (bound_function(tensor).equal(*output.function))
    return codes(tensor);
  return codes(output.function->quantize(ff::dequantize(tensor)));
}

c10::IValue cat(const OperatorCall& call) {
  const dispatch::WantedOutput output = wanted_output();
  std::vector<at::Tensor> parts;
  for (const at::Tensor& tensor : call[0].toTensorVector())
    parts.push_back(codes_on(output, tensor));
  return output.function->attach(at::cat(parts, call[1].toInt()), at::kFloat);
}

// The codes of some rows of a weight.
at::Tensor rows_of(const at::Tensor& weight, const at::Tensor& ids) {
  return at::index_select(weight, 0, ids.reshape({-1}));
}

std::optional<std::string> why_no_embedding(const OperatorCall& call) {
  if (!integers_enabled())
    return kIntegersAreOff;
  if (auto refusal = dispatch::needs_quantized_self(call))
    return refusal;
  const at::Tensor weight = call[0].toTensor(), ids = call[1].toTensor();
  const auto restructured =
      bound_function(weight).restructure({StructuralChange::IndexSelect{0, ids.reshape({-1})},
                                          weight.sizes().vec(),
                                          {ids.numel(), weight.size(1)}});
  if (!restructured.function.has_value())
    return "the weight: " + restructured.why_not;
  return std::nullopt;
}

// Only the rows that are asked for become values.
c10::IValue embedding(const OperatorCall& call) {
  const at::Tensor ids = call[1].toTensor(), weight = call[0].toTensor();
  std::vector<int64_t> sizes = ids.sizes().vec();
  sizes.push_back(weight.size(1));
  const StrictGuard relaxed(false);
  return ff::dequantize(rows_of(weight, ids)).reshape(sizes);
}

}  // namespace

void register_moves() {
  dispatch::register_builtin("aten::embedding", "rows of codes", why_no_embedding, embedding);
  for (const char* name : {"aten::pad", "aten::constant_pad_nd"})
    dispatch::register_builtin(name, "pad codes", why_no_pad, pad);
  for (const char* name : {"aten::cat", "aten::concat", "aten::concatenate"})
    dispatch::register_builtin(name, "cat on one grid", why_no_cat, cat);
}

}  // namespace ff::integer
