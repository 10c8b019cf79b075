#include <c10/util/StringUtil.h>

#include <algorithm>

#include "dispatch/boxed.h"
#include "fastforward/tensor/quantized_tensor.h"
#include "integer/builtin.h"
#include "integer/convolution.h"

// Linear layers and convolutions in the registry.
namespace ff::integer {
namespace {

using dispatch::OperatorCall;
using dispatch::wanted_output;

at::Tensor tensor_or_none(const c10::IValue& value) {
  return value.isTensor() ? value.toTensor() : at::Tensor();
}

std::optional<std::string> why_no_linear(const OperatorCall& call) {
  const at::Tensor input = call[0].toTensor(), weight = call[1].toTensor();
  if (weight.dim() != 2 || input.dim() < 1 || input.size(-1) != weight.size(1))
    return "its shapes are not those of a matrix of weights and rows of inputs";
  return why_no_product(input, weight, tensor_or_none(call[2]), {}, wanted_output());
}

// A product of matrices is a linear layer if the right one is a constant, transposed: [..., depth]
// x [depth, channels].
std::optional<std::string> why_no_matrix_product(const at::Tensor& left, const at::Tensor& right,
                                                 const at::Tensor& bias) {
  if (right.dim() != 2 || left.dim() < 1 || left.size(-1) != right.size(0))
    return "its right operand is no matrix of weights";
  if (bias.defined() && (bias.dim() != 1 || bias.size(0) != right.size(1)))
    return "what it adds is no bias of one number for each channel";
  return why_no_product(left, is_quantized(right) ? right.t() : right, bias, {}, wanted_output());
}

std::optional<std::string> why_no_matmul(const OperatorCall& call) {
  return why_no_matrix_product(call[0].toTensor(), call[1].toTensor(), {});
}

c10::IValue matmul(const OperatorCall& call) {
  return linear(call[0].toTensor(), call[1].toTensor().t(), {}, wanted_output());
}

bool is_one(const c10::IValue& number) {
  return number.toScalar().toDouble() == 1;
}

std::optional<std::string> why_no_addmm(const OperatorCall& call) {
  if (!is_one(call.argument("beta")) || !is_one(call.argument("alpha")))
    return "its factors alpha and beta are not 1";
  return why_no_matrix_product(call[1].toTensor(), call[2].toTensor(), call[0].toTensor());
}

c10::IValue addmm(const OperatorCall& call) {
  return linear(call[1].toTensor(), call[2].toTensor().t(), call[0].toTensor(), wanted_output());
}

// One number stands for all axes.
std::vector<int64_t> for_each_axis(const c10::IValue& value, size_t axes) {
  std::vector<int64_t> numbers = value.toIntVector();
  if (numbers.size() == 1)
    numbers.resize(axes, numbers[0]);
  return numbers;
}

// conv1d, conv2d, conv3d, convolution and _convolution have these arguments.
Window window_of(const OperatorCall& call) {
  const auto axes = static_cast<size_t>(std::max<int64_t>(0, call[1].toTensor().dim() - 2));
  return {for_each_axis(call.argument("stride"), axes),
          for_each_axis(call.argument("padding"), axes),
          for_each_axis(call.argument("dilation"), axes), call.argument("groups").toInt()};
}

std::optional<std::string> why_no_convolution(const OperatorCall& call) {
  const at::Tensor input = call[0].toTensor(), weight = call[1].toTensor();
  const Window window = window_of(call);
  const auto axes = static_cast<size_t>(std::max<int64_t>(0, weight.dim() - 2));
  if (axes == 0 || input.dim() != weight.dim())
    return "it is not a batch of inputs";
  if (window.stride.size() != axes || window.padding.size() != axes ||
      window.dilation.size() != axes || window.groups < 1 ||
      input.size(1) != weight.size(1) * window.groups || weight.size(0) % window.groups != 0)
    return "its shapes do not fit together";
  for (size_t axis = 0; axis < axes; ++axis) {
    const auto at = static_cast<int64_t>(axis) + 2;
    const int64_t room = input.size(at) + 2 * window.padding[axis] -
                         window.dilation[axis] * (weight.size(at) - 1) - 1;
    if (window.stride[axis] < 1 || window.dilation[axis] < 1 || window.padding[axis] < 0 ||
        weight.size(at) < 1 || room < 0)
      return "its window is larger than the padded input";
  }
  return why_no_product(input, weight, tensor_or_none(call[2]), window, wanted_output());
}

std::optional<std::string> why_no_general_convolution(const OperatorCall& call) {
  if (call.argument("transposed").toBool())
    return "transposed convolutions have no integer form";
  return why_no_convolution(call);
}

}  // namespace

void register_products() {
  dispatch::register_builtin("aten::linear", "linear in integers", why_no_linear,
                             [](const OperatorCall& call) {
                               return linear(call[0].toTensor(), call[1].toTensor(),
                                             tensor_or_none(call[2]), wanted_output());
                             });
  for (const char* name : {"aten::matmul", "aten::mm"})
    dispatch::register_builtin(name, "linear in integers", why_no_matmul, matmul);
  dispatch::register_builtin("aten::addmm", "linear in integers", why_no_addmm, addmm);
  const auto convolve = [](const OperatorCall& call) {
    return convolution(call[0].toTensor(), call[1].toTensor(), tensor_or_none(call[2]),
                       window_of(call), wanted_output());
  };
  for (const char* name : {"aten::conv1d", "aten::conv2d", "aten::conv3d"})
    dispatch::register_builtin(name, "convolution in integers", why_no_convolution, convolve);
  for (const char* name : {"aten::convolution", "aten::_convolution"})
    dispatch::register_builtin(name, "convolution in integers", why_no_general_convolution,
                               convolve);
}

}  // namespace ff::integer
