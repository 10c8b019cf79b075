#pragma once

#include <ATen/core/Tensor.h>

#include <iosfwd>
#include <string>

#include "fastforward/core/api.h"
#include "fastforward/tensor/bound_function.h"

namespace ff {

/// True if `tensor` is defined and holds codes and the function that undoes them.
///
/// A quantized tensor is a torch::Tensor whose sizes, dtype and device are those of its dequantized
/// value. It owns no memory of that value: data_ptr() is LibTorch's own error.
FF_API bool is_quantized(const at::Tensor& tensor);

/// Returns the codes of a quantized tensor: int8 up to 8 bits, int16 up to 16 bits, or what a
/// user's function made.
///
/// They are shared with `tensor`, not copied. Throws c10::TypeError for a plain tensor.
FF_API at::Tensor codes(const at::Tensor& tensor);

/// Returns the function that a quantized tensor carries. Throws c10::TypeError for a plain tensor.
FF_API BoundQuantizationFunction bound_function(const at::Tensor& tensor);

/// Returns the values of a quantized tensor, differentiable. The same as tensor.dequantize().
///
/// Throws c10::TypeError for a plain tensor.
FF_API at::Tensor dequantize(const at::Tensor& tensor);

/// Makes a quantized tensor of plain codes, the function that undoes them, and the type of the
/// values.
///
/// `carrier`, if defined, is a tensor of the codes' shape and of type `dtype` through which
/// gradients of the dequantized value flow (they pass unchanged); its own values are never read.
/// Without it, gradients flow through the function's dequantize, if that and the codes are
/// differentiable. Throws c10::TypeError if `dtype` is no floating-point type, c10::ValueError if
/// the codes are quantized or undefined, or the shapes differ.
FF_API at::Tensor make_quantized_tensor(const at::Tensor& codes, BoundQuantizationFunction function,
                                        at::ScalarType dtype, const at::Tensor& carrier = {});

/// Returns the tensor through which gradients flow, see make_quantized_tensor; undefined if there
/// is none.
FF_API at::Tensor gradient_carrier(const at::Tensor& tensor);

/// Writes the values of a quantized tensor as LibTorch does and then a line with its function and
/// parameters.
///
/// `std::cout << tensor` is LibTorch's and writes the values only. A plain tensor is written as
/// LibTorch writes it.
FF_API std::ostream& print(std::ostream& stream, const at::Tensor& tensor);

/// Returns what ff::print writes.
FF_API std::string to_string(const at::Tensor& tensor);

}  // namespace ff
