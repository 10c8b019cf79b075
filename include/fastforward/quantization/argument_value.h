#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/core/ivalue.h>

#include <concepts>
#include <functional>
#include <optional>
#include <sstream>
#include <string>
#include <type_traits>
#include <utility>

#include "fastforward/core/api.h"
#include "fastforward/quantization/quantize_signature.h"

/// What a bound function does with each of its arguments; not for use by itself.
namespace ff::detail {

template <typename T>
concept Printable = requires(std::ostream& stream, const T& value) {
  stream << value;
};

template <typename T>
c10::IValue to_ivalue(const T& value) {
  if constexpr (kIsOptional<T>) {
    return value.has_value() ? to_ivalue(*value) : c10::IValue();
  } else if constexpr (std::is_same_v<T, bool> || std::is_same_v<T, at::Tensor> ||
                       std::is_same_v<T, std::string> || std::is_same_v<T, at::Device>) {
    return value;
  } else if constexpr (std::is_integral_v<T> || std::is_same_v<T, at::ScalarType>) {
    return static_cast<int64_t>(value);
  } else if constexpr (std::is_floating_point_v<T>) {
    return static_cast<double>(value);
  } else {
    static_assert(Printable<T>, "an argument of a quantization function needs operator<<");
    std::ostringstream stream;
    stream << value;
    return stream.str();
  }
}

/// The value as a T, nothing if its type or size does not fit. Types of the user's own never do.
template <typename T>
std::optional<T> from_ivalue(const c10::IValue& value) {
  if constexpr (kIsOptional<T>) {
    if (value.isNone())
      return std::optional<T>(std::in_place);
    auto inner = from_ivalue<typename T::value_type>(value);
    return inner.has_value() ? std::optional<T>(std::in_place, *std::move(inner)) : std::nullopt;
  } else if constexpr (std::is_same_v<T, at::Tensor>) {
    return value.isTensor() ? std::optional(value.toTensor()) : std::nullopt;
  } else if constexpr (std::is_same_v<T, bool>) {
    return value.isBool() ? std::optional(value.toBool()) : std::nullopt;
  } else if constexpr (std::is_same_v<T, at::Device>) {
    return value.isDevice() ? std::optional(value.toDevice()) : std::nullopt;
  } else if constexpr (std::is_integral_v<T> || std::is_same_v<T, at::ScalarType>) {
    const bool fits =
        value.isInt() && static_cast<int64_t>(static_cast<T>(value.toInt())) == value.toInt();
    return fits ? std::optional(static_cast<T>(value.toInt())) : std::nullopt;
  } else if constexpr (std::is_floating_point_v<T>) {
    if (value.isInt())
      return static_cast<T>(value.toInt());
    return value.isDouble() ? std::optional(static_cast<T>(value.toDouble())) : std::nullopt;
  } else if constexpr (std::is_same_v<T, std::string>) {
    return value.isString() ? std::optional(value.toStringRef()) : std::nullopt;
  } else {
    return std::nullopt;
  }
}

/// Whether two tensors have the same type, device, shape and elements.
FF_API bool equal_tensors(const at::Tensor& a, const at::Tensor& b);

/// Whether two arguments are equal; false for types that cannot be compared.
template <typename T>
bool equal_values(const T& a, const T& b) {
  if constexpr (kIsOptional<T>) {
    return a.has_value() == b.has_value() && (!a.has_value() || equal_values(*a, *b));
  } else if constexpr (std::is_same_v<T, at::Tensor>) {
    return equal_tensors(a, b);
  } else if constexpr (std::equality_comparable<T>) {
    return a == b;
  } else {
    return false;
  }
}

/// Calls visit(tensor) if the argument is a tensor or an optional that has one.
template <typename T, typename Visit>
void visit_tensor(T& value, const Visit& visit) {
  if constexpr (kIsOptional<std::remove_const_t<T>>) {
    if (value.has_value())
      visit_tensor(*value, visit);
  } else if constexpr (std::is_same_v<std::remove_const_t<T>, at::Tensor>) {
    visit(value);
  }
}

}  // namespace ff::detail
