#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

// No LibTorch here.
namespace ff::storage {

/// The SHA-256 of some bytes (FIPS 180-4), as 64 lower-case hexadecimal digits.
std::string sha256(std::span<const std::byte> bytes);
/// The same of a text.
inline std::string sha256(std::string_view text) {
  return sha256(std::as_bytes(std::span(text)));
}

}  // namespace ff::storage
