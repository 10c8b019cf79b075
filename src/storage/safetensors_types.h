#pragma once

#include "storage/safetensors_format.h"

#include <c10/core/ScalarType.h>

#include <array>
#include <optional>
#include <utility>

namespace ff::storage {

/// The types that the format and LibTorch both have.
inline constexpr std::array<std::pair<SafetensorsType, c10::ScalarType>, 19> kSharedTypes = {{
    {SafetensorsType::kBool, c10::ScalarType::Bool},
    {SafetensorsType::kU8, c10::ScalarType::Byte},
    {SafetensorsType::kI8, c10::ScalarType::Char},
    {SafetensorsType::kF8E5M2, c10::ScalarType::Float8_e5m2},
    {SafetensorsType::kF8E4M3, c10::ScalarType::Float8_e4m3fn},
    {SafetensorsType::kF8E8M0, c10::ScalarType::Float8_e8m0fnu},
    {SafetensorsType::kF8E4M3Fnuz, c10::ScalarType::Float8_e4m3fnuz},
    {SafetensorsType::kF8E5M2Fnuz, c10::ScalarType::Float8_e5m2fnuz},
    {SafetensorsType::kI16, c10::ScalarType::Short},
    {SafetensorsType::kU16, c10::ScalarType::UInt16},
    {SafetensorsType::kF16, c10::ScalarType::Half},
    {SafetensorsType::kBF16, c10::ScalarType::BFloat16},
    {SafetensorsType::kI32, c10::ScalarType::Int},
    {SafetensorsType::kU32, c10::ScalarType::UInt32},
    {SafetensorsType::kF32, c10::ScalarType::Float},
    {SafetensorsType::kC64, c10::ScalarType::ComplexFloat},
    {SafetensorsType::kF64, c10::ScalarType::Double},
    {SafetensorsType::kI64, c10::ScalarType::Long},
    {SafetensorsType::kU64, c10::ScalarType::UInt64},
}};

/// LibTorch's type, nothing where it has none.
inline std::optional<c10::ScalarType> scalar_type_of(SafetensorsType type) {
  for (const auto& [ours, theirs] : kSharedTypes) {
    if (ours == type)
      return theirs;
  }
  return std::nullopt;
}

/// The format's type, nothing where it has none.
inline std::optional<SafetensorsType> safetensors_type_of(c10::ScalarType type) {
  for (const auto& [ours, theirs] : kSharedTypes) {
    if (theirs == type)
      return ours;
  }
  return std::nullopt;
}

}  // namespace ff::storage
