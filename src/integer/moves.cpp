#include <ATen/ops/cat.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/index_select.h>
#include <c10/core/WrapDimMinimal.h>
#include <c10/util/StringUtil.h>

#include <algorithm>
#include <cmath>

#include "dispatch/boxed.h"
#include "dispatch/registry.h"
#include "fastforward/dispatch/integer_guard.h"
#include "fastforward/dispatch/strict.h"
#include "fastforward/tensor/quantized_tensor.h"
#include "integer/builtin.h"
#include "integer/channels_last.h"
#include "integer/element_pads.h"
#include "integer/grid.h"
#include "integer/padded_codes.h"

// Operators that move codes and add a constant one, or put tensors on one grid.
namespace ff::integer {
namespace {

using dispatch::OperatorCall;
using dispatch::RunOrReason;
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

at::Tensor padded(const at::Tensor& self, at::DimVector padding, int8_t fill,
                  const BoundQuantizationFunction& function) {
  if (padded_codes(self) == nullptr && is_border(codes(self), padding)) {
    padding.resize(4);  // left, right, above, below
    return padded_tensor(
        {channels_together(codes(self)), fill, {padding[2], padding[0]}, {padding[3], padding[1]}},
        function);
  }
  return function.attach(at::constant_pad_nd(codes(self), padding, static_cast<int64_t>(fill)),
                         at::kFloat);
}

RunOrReason pad_with_constant(const OperatorCall& call) {
  if (!integers_enabled())
    return {nullptr, kIntegersAreOff};
  if (auto refusal = dispatch::needs_quantized_self(call))
    return {nullptr, *std::move(refusal)};
  const at::Tensor& self = call[0].toTensor();
  const GridOrReason grid = grid_of(self);
  if (!grid.grid.has_value())
    return {nullptr, "the input: " + grid.why_not};
  const double value = fill_of(call);
  const std::optional<int8_t> fill = code_of(*grid.grid, value);
  if (!fill.has_value())
    return {nullptr,
            c10::str("the grid of the input has no code for ", value, ", with which it is padded")};
  at::DimVector padding = call[1].toDimVector();
  auto restructured = padded_function(self, padding);
  if (!restructured.function.has_value())
    return {nullptr, "the input: " + restructured.why_not};
  return {[self, fill = *fill, padding = std::move(padding),
           function = *std::move(restructured.function)]() -> c10::IValue {
            return padded(self, padding, fill, function);
          },
          ""};
}

RunOrReason pad(const OperatorCall& call, at::padding_mode mode) {
  return mode == at::padding_mode::constant ? pad_with_constant(call)
                                            : prepare_element_pad(call, mode, 0);
}

// torch::nn::functional::pad, and layers that pad.
RunOrReason pad_by_number(const OperatorCall& call) {
  const int64_t mode = call.argument("mode").toInt();
  if (mode < 0 || mode > static_cast<int64_t>(at::padding_mode::constant))
    return {nullptr, c10::str("its mode is ", mode)};
  return pad(call, static_cast<at::padding_mode>(mode));
}

RunOrReason pad_by_name(const OperatorCall& call) {
  const std::string& mode = call.argument("mode").toStringRef();
  if (mode == "constant")
    return pad(call, at::padding_mode::constant);
  if (mode == "reflect")
    return pad(call, at::padding_mode::reflect);
  if (mode == "replicate")
    return pad(call, at::padding_mode::replicate);
  if (mode == "circular")
    return pad(call, at::padding_mode::circular);
  return {nullptr, "its mode is '" + mode + "'"};
}

// The pads of one mode.
void add_pads(const std::string& name, at::padding_mode mode) {
  for (const int64_t axes : {1, 2, 3}) {
    dispatch::register_prepared(
        c10::str(name, axes, "d"), "pad codes",
        [=](const OperatorCall& call) { return prepare_element_pad(call, mode, axes); });
  }
}

// The codes of each tensor on the grid of the result.
at::Tensor codes_on(const BoundQuantizationFunction& function, const at::Tensor& tensor) {
  if (!is_quantized(tensor))
    return codes(function.quantize(tensor));
  if (bound_function(tensor).equal(function))
    return codes(tensor);
  return codes(function.quantize(ff::dequantize(tensor)));
}

RunOrReason cat(const OperatorCall& call) {
  if (!integers_enabled())
    return {nullptr, kIntegersAreOff};
  if (!grid_of(wanted_output()).has_value())
    return {nullptr, kNoOutputGrid};
  std::vector<at::Tensor> tensors = call[0].toTensorVector();
  if (tensors.empty() || std::none_of(tensors.begin(), tensors.end(), is_quantized))
    return {nullptr, "none of its tensors is quantized"};
  for (const at::Tensor& tensor : tensors) {
    if (tensor.dim() != tensors[0].dim() || tensor.scalar_type() != at::kFloat ||
        !tensor.device().is_cpu())
      return {nullptr, "its tensors differ in type, device or number of axes"};
    if (!is_quantized(tensor))
      continue;
    const GridOrReason grid = grid_of(tensor);
    if (!grid.grid.has_value())
      return {nullptr, "one of its tensors: " + grid.why_not};
  }
  return {[tensors = std::move(tensors), axis = call[1].toInt(),
           function = *wanted_output().function]() -> c10::IValue {
            std::vector<at::Tensor> parts;
            for (const at::Tensor& tensor : tensors)
              parts.push_back(codes_on(function, tensor));
            return function.attach(at::cat(parts, axis), at::kFloat);
          },
          ""};
}

// Only the rows that are asked for become values.
at::Tensor rows_of(const at::Tensor& weight, const at::Tensor& ids) {
  at::DimVector sizes(ids.sizes());
  sizes.push_back(weight.size(1));
  const StrictGuard relaxed(false);
  return ff::dequantize(at::index_select(weight, 0, ids.reshape({-1}))).reshape(sizes);
}

RunOrReason embedding(const OperatorCall& call) {
  if (!integers_enabled())
    return {nullptr, kIntegersAreOff};
  if (auto refusal = dispatch::needs_quantized_self(call))
    return {nullptr, *std::move(refusal)};
  const at::Tensor &weight = call[0].toTensor(), &ids = call[1].toTensor();
  const auto restructured =
      bound_function(weight).restructure({StructuralChange::IndexSelect{0, ids.reshape({-1})},
                                          weight.sizes().vec(),
                                          {ids.numel(), weight.size(1)}});
  if (!restructured.function.has_value())
    return {nullptr, "the weight: " + restructured.why_not};
  return {[weight, ids]() -> c10::IValue { return rows_of(weight, ids); }, ""};
}

}  // namespace

void register_moves() {
  dispatch::register_prepared("aten::embedding", "rows of codes", embedding);
  dispatch::register_prepared("aten::constant_pad_nd", "pad codes", pad_with_constant);
  dispatch::register_prepared("aten::pad", "pad codes", pad_by_name);
  dispatch::register_prepared("aten::_pad_enum", "pad codes", pad_by_number);
  dispatch::register_prepared("aten::_pad_circular", "pad codes", [](const OperatorCall& call) {
    return pad(call, at::padding_mode::circular);
  });
  add_pads("aten::reflection_pad", at::padding_mode::reflect);
  add_pads("aten::replication_pad", at::padding_mode::replicate);
  for (const char* name : {"aten::cat", "aten::concat", "aten::concatenate"})
    dispatch::register_prepared(name, "cat on one grid", cat);
}

}  // namespace ff::integer
