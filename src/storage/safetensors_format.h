#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

// No LibTorch here: the fuzzer builds this file alone.
namespace ff::storage {

/// The element types of the format, in the order in which the reference implementation (safetensors
/// 0.8) lays their data out backwards: by alignment.
enum class SafetensorsType : std::uint8_t {
  kBool,
  kF4,
  kF6E2M3,
  kF6E3M2,
  kU8,
  kI8,
  kF8E5M2,
  kF8E4M3,
  kF8E8M0,
  kF8E4M3Fnuz,
  kF8E5M2Fnuz,
  kI16,
  kU16,
  kF16,
  kBF16,
  kI32,
  kU32,
  kF32,
  kC64,
  kF64,
  kI64,
  kU64,
};

/// The name of a type in the file, "F32".
std::string_view name_of(SafetensorsType type);
/// The bits of one element, 4 to 64.
unsigned bits_of(SafetensorsType type);

/// What the header says of one tensor, checked: `bytes` are what its shape needs, and lie inside
/// the file.
struct SafetensorsRecord {
  std::string name;
  SafetensorsType type = SafetensorsType::kU8;
  /// At most 64 sizes. Their product, with 1 in place of 0, times 64 is below 2^63.
  std::vector<std::int64_t> shape;
  /// From the start of the file.
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
};

/// A whole header.
struct SafetensorsHeader {
  std::map<std::string, std::string> metadata;
  /// In the order of their data.
  std::vector<SafetensorsRecord> tensors;
};

/// The bytes that hold the length of the header.
inline constexpr std::size_t kSafetensorsPreambleBytes = 8;
/// The longest header that the reference implementation reads.
inline constexpr std::size_t kMaxSafetensorsHeaderBytes = 100'000'000;

/// The bytes of the header, which follow the preamble. Throws ReadError if there are not so many in
/// a file of `file_bytes`, or too many.
std::size_t safetensors_header_bytes(std::span<const std::byte> preamble, std::uint64_t file_bytes);

/// Parses the header, the `text` after the preamble of a file of `file_bytes`. Memory use is
/// bounded by the size of the text. Throws ReadError, with the byte in the file and what is wrong
/// there:
/// - what core/json refuses, as duplicate keys; text that does not begin with '{', and anything
///   but spaces after it
/// - unknown types and keys, metadata that is not text to text
/// - data_offsets that are not what the shape needs, overlap, leave holes, or end before or behind
///   the end of the file
SafetensorsHeader parse_safetensors_header(std::string_view text, std::uint64_t file_bytes);

/// The order in which the reference implementation stores tensors: large types first, names then.
bool is_stored_before(const SafetensorsRecord& a, const SafetensorsRecord& b);

/// The start of a file, preamble and padded header, for `tensors` in the order of their data. Their
/// offsets are set. Names and metadata are UTF-8.
std::string make_safetensors_start(std::vector<SafetensorsRecord>& tensors,
                                   const std::map<std::string, std::string>& metadata);

}  // namespace ff::storage
