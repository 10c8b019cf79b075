#pragma once

#include <ATen/core/Tensor.h>

#include <optional>
#include <string>

#include "fastforward/tensor/granularity.h"

/// The checks at the public doors of affine quantization. `where` names the function or module that
/// is asked.
namespace ff::check {

/// Throws c10::ValueError unless num_bits is in 1..16.
void num_bits(const std::string& where, int64_t num_bits);

/// Throws c10::ValueError unless every code of num_bits bits can be held exactly by `dtype`.
void codes_dtype(const std::string& where, int64_t num_bits, at::ScalarType dtype);

/// Throws unless `parameter` is a floating-point tensor on `device` with one element for each tile.
void parameter_shape(const std::string& where, const char* name, const at::Tensor& parameter,
                     c10::IntArrayRef data_shape, const Granularity& granularity,
                     at::Device device);

/// Throws c10::ValueError, with index and value, unless all elements are finite and > 0.
void scale_values(const std::string& where, const at::Tensor& scale);

/// Throws c10::ValueError, with index and value, unless all elements are finite. `name` is what
/// they are.
void finite_values(const std::string& where, const char* name, const at::Tensor& values);

}  // namespace ff::check
