#pragma once

#include "storage/byte_reader.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

// No LibTorch here: the fuzzer builds this file alone.
namespace ff::storage {

/// The element types of the IDX format, by their codes in the file.
enum class IdxType : std::uint8_t {
  kUInt8 = 0x08,
  kInt8 = 0x09,
  kInt16 = 0x0B,
  kInt32 = 0x0C,
  kFloat32 = 0x0D,
  kFloat64 = 0x0E,
};

/// What the first bytes of an IDX file announce.
struct IdxHeader {
  IdxType type = IdxType::kUInt8;
  std::vector<std::int64_t> sizes;
  std::uint64_t element_bytes = 1;
  std::uint64_t header_bytes = 4;
  std::uint64_t payload_bytes =
      0;  // fits std::int64_t, as does the product of sizes with 1 in place of 0
};

/// The bytes that hold type code and number of dimensions.
inline constexpr std::size_t kIdxPreambleBytes = 4;

/// The size in bytes of the header whose first four bytes are given: 4 + 4 * dimensions. Throws
/// ReadError if they are not the start of an IDX file.
std::size_t idx_header_bytes(std::span<const std::byte> preamble);

/// The header at the start of `bytes`, which may be longer. Checked so far that its numbers can be
/// computed with; whether the payload is there is for the caller. Throws ReadError.
IdxHeader parse_idx_header(std::span<const std::byte> bytes);

/// Reads the header, and checks what it announces against the size of the file, before anything is
/// allocated for it. Throws ReadError.
IdxHeader read_idx_header(ByteReader& reader);

/// Reads exactly the payload into `payload`, which is header.payload_bytes long, in the byte order
/// of this machine, and checks that the file ends there. Throws ReadError.
void read_idx_payload(ByteReader& reader, const IdxHeader& header, std::span<std::byte> payload);

}  // namespace ff::storage
