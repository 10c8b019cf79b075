#pragma once

#include <ATen/core/Tensor.h>

#include <optional>
#include <string>

#include "fastforward/tensor/granularity.h"

/// The checks at the public doors of affine quantization. `where` names the function or module that
/// is asked.
namespace ff::check {

/// The types of data and parameters that there is arithmetic for, for messages.
inline constexpr const char* kFloatingTypes = "float32, float64, bfloat16 or float16";

/// Whether `dtype` is one of kFloatingTypes: LibTorch has others, like float8, that only store.
inline bool is_floating_type(at::ScalarType dtype) {
  return dtype == at::kFloat || dtype == at::kDouble || dtype == at::kBFloat16 ||
         dtype == at::kHalf;
}

/// Throws c10::ValueError unless num_bits is in 1..16.
void num_bits(const std::string& where, int64_t num_bits);

/// Throws c10::ValueError unless every code of num_bits bits can be held exactly by `dtype`.
void codes_dtype(const std::string& where, int64_t num_bits, at::ScalarType dtype);

/// Throws unless `parameter` is a plain, dense floating-point tensor on `device` with one element
/// for each tile.
void parameter_shape(const std::string& where, const char* name, const at::Tensor& parameter,
                     c10::IntArrayRef data_shape, const Granularity& granularity,
                     at::Device device);

/// Throws c10::ValueError, with index and value, unless all elements are finite and > 0.
void scale_values(const std::string& where, const at::Tensor& scale);

/// Throws c10::ValueError, with index and value, unless all elements are finite. `name` is what
/// they are.
void finite_values(const std::string& where, const char* name, const at::Tensor& values);

/// Throws c10::ValueError, with index and value, unless the end `name` of each range, which is
/// finite, is finite in float32.
void range_end(const std::string& where, const char* name, const at::Tensor& values);

/// Throws c10::ValueError, with index and value, if a parameter is not finite, or a scale is not
/// greater than 0, once it has the type that the parameters are kept in.
void fits_type(const char* name, const at::Tensor& parameter, at::ScalarType dtype);

}  // namespace ff::check
