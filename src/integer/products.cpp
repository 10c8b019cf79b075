#include <c10/util/StringUtil.h>

#include <algorithm>

#include "dispatch/boxed.h"
#include "dispatch/registry.h"
#include "fastforward/tensor/quantized_tensor.h"
#include "integer/builtin.h"
#include "integer/convolution.h"
#include "integer/grid.h"
#include "integer/padded_codes.h"

// Linear layers and convolutions in the registry.
namespace ff::integer {
namespace {

using dispatch::for_each_axis;
using dispatch::OperatorCall;
using dispatch::RunOrReason;
using dispatch::wanted_output;

at::Tensor tensor_or_none(const c10::IValue& value) {
  return value.isTensor() ? value.toTensor() : at::Tensor();
}

RunOrReason linear(const OperatorCall& call) {
  const at::Tensor input = call[0].toTensor(), weight = call[1].toTensor();
  if (weight.dim() != 2 || input.dim() < 1 || input.size(-1) != weight.size(1))
    return {nullptr, "its shapes are not those of a matrix of weights and rows of inputs"};
  return prepare_linear(input, weight, tensor_or_none(call[2]), wanted_output());
}

// A product of matrices is a linear layer if the right one is a constant, transposed: [..., depth]
// x [depth, channels].
RunOrReason matrix_product(const at::Tensor& left, const at::Tensor& right,
                           const at::Tensor& bias) {
  if (right.dim() != 2 || left.dim() < 1 || left.size(-1) != right.size(0))
    return {nullptr, "its right operand is no matrix of weights"};
  if (bias.defined() && (bias.dim() != 1 || bias.size(0) != right.size(1)))
    return {nullptr, "what it adds is no bias of one number for each channel"};
  return prepare_linear(left, is_quantized(right) ? right.t() : right, bias, wanted_output());
}

RunOrReason matmul(const OperatorCall& call) {
  return matrix_product(call[0].toTensor(), call[1].toTensor(), {});
}

bool is_one(const c10::IValue& number) {
  return number.toScalar().toDouble() == 1;
}

RunOrReason addmm(const OperatorCall& call) {
  if (!is_one(call.argument("beta")) || !is_one(call.argument("alpha")))
    return {nullptr, "its factors alpha and beta are not 1"};
  return matrix_product(call[1].toTensor(), call[2].toTensor(), call[0].toTensor());
}

// The axes of a convolution's images.
size_t axes_of(const OperatorCall& call) {
  return static_cast<size_t>(std::max<int64_t>(0, call[1].toTensor().dim() - 2));
}

// conv1d, conv2d, conv3d, convolution and _convolution have these arguments. Without padding.
Window window_of(const OperatorCall& call) {
  const size_t axes = axes_of(call);
  return {for_each_axis(call.argument("stride"), axes), at::DimVector(axes, 0),
          for_each_axis(call.argument("dilation"), axes), call.argument("groups").toInt()};
}

RunOrReason convolve(const OperatorCall& call, const at::Tensor& input, const Window& window) {
  const at::Tensor weight = call[1].toTensor();
  const size_t axes = axes_of(call);
  if (axes == 0 || input.dim() != weight.dim())
    return {nullptr, "it is not a batch of inputs"};
  if (window.stride.size() != axes || window.padding.size() != axes ||
      window.dilation.size() != axes || window.groups < 1 ||
      input.size(1) != weight.size(1) * window.groups || weight.size(0) % window.groups != 0)
    return {nullptr, "its shapes do not fit together"};
  for (size_t axis = 0; axis < axes; ++axis) {
    const auto at = static_cast<int64_t>(axis) + 2;
    const int64_t room = input.size(at) + 2 * window.padding[axis] -
                         window.dilation[axis] * (weight.size(at) - 1) - 1;
    if (window.stride[axis] < 1 || window.dilation[axis] < 1 || window.padding[axis] < 0 ||
        weight.size(at) < 1 || room < 0)
      return {nullptr, "its window is larger than the padded input"};
  }
  return prepare_convolution(input, weight, tensor_or_none(call[2]), window, wanted_output());
}

RunOrReason convolve_padded(const OperatorCall& call) {
  Window window = window_of(call);
  window.padding = for_each_axis(call.argument("padding"), axes_of(call));
  return convolve(call, call[0].toTensor(), window);
}

// As LibTorch pads: the result has the input's size, and windows of even size reach further behind
// a place than in front of it.
RunOrReason convolve_same(const OperatorCall& call) {
  const at::Tensor input = call[0].toTensor(), weight = call[1].toTensor();
  Window window = window_of(call);
  if (std::any_of(window.stride.begin(), window.stride.end(), [](int64_t n) { return n != 1; }))
    return {nullptr, "its padding is 'same', and its stride is not 1"};
  at::DimVector before;
  window.padding.clear();
  for (size_t axis = 0; axis < window.dilation.size(); ++axis) {
    const int64_t border =
        window.dilation[axis] * (weight.size(static_cast<int64_t>(axis) + 2) - 1);
    before.push_back(border / 2);
    window.padding.push_back(border - border / 2);
  }
  RunOrReason symmetric = convolve(call, input, window);
  if (symmetric.run == nullptr || before == window.padding)
    return symmetric;
  const at::Tensor padded = padded_tensor(
      {codes(input), *grid_of(input).grid->code_of_zero(), before, std::move(window.padding)},
      bound_function(input));
  window.padding.assign(before.size(), 0);
  return convolve(call, padded, window);
}

RunOrReason convolve_by_name(const OperatorCall& call) {
  const std::string& padding = call.argument("padding").toStringRef();
  if (padding == "same")
    return convolve_same(call);
  if (padding != "valid")
    return {nullptr, "its padding is '" + padding + "'"};
  return convolve(call, call[0].toTensor(), window_of(call));
}

RunOrReason convolve_generally(const OperatorCall& call) {
  if (call.argument("transposed").toBool())
    return {nullptr, "transposed convolutions have no integer form"};
  return convolve_padded(call);
}

}  // namespace

void register_products() {
  dispatch::register_prepared("aten::linear", "linear in integers", linear);
  for (const char* name : {"aten::matmul", "aten::mm"})
    dispatch::register_prepared(name, "linear in integers", matmul);
  dispatch::register_prepared("aten::addmm", "linear in integers", addmm);
  for (const char* name : {"aten::conv1d", "aten::conv2d", "aten::conv3d"})
    dispatch::register_prepared(name, "convolution in integers", convolve_padded);
  for (const char* name : {"aten::conv1d.padding", "aten::conv2d.padding", "aten::conv3d.padding"})
    dispatch::register_prepared(name, "convolution in integers", convolve_by_name);
  for (const char* name : {"aten::convolution", "aten::_convolution"})
    dispatch::register_prepared(name, "convolution in integers", convolve_generally);
}

}  // namespace ff::integer
