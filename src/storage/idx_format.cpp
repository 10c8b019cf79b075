#include "storage/idx_format.h"

#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <string>

namespace ff::storage {
namespace {

// LibTorch's operators take at most 64 dimensions.
constexpr unsigned kMaxDimensions = 64;

[[noreturn]] void fail(std::uint64_t offset, const std::string& what) {
  throw ReadError("byte " + std::to_string(offset) + ": " + what);
}

std::string hex(unsigned value) {
  constexpr const char* kDigits = "0123456789ABCDEF";
  return {'0', 'x', kDigits[value >> 4 & 15], kDigits[value & 15]};
}

std::uint64_t bytes_of(unsigned type_code) {
  switch (type_code) {
    case 0x08:
    case 0x09:
      return 1;
    case 0x0B:
      return 2;
    case 0x0C:
    case 0x0D:
      return 4;
    case 0x0E:
      return 8;
    default:
      return 0;
  }
}

std::uint32_t big_endian_32(std::span<const std::byte> bytes) {
  std::uint32_t value = 0;
  for (const std::byte byte : bytes.first(4)) {
    value = value << 8 | std::to_integer<std::uint32_t>(byte);
  }
  return value;
}

std::string size_text(const IdxHeader& header) {
  std::string text = "[";
  for (const std::int64_t size : header.sizes) {
    text += (text.size() > 1 ? ", " : "") + std::to_string(size);
  }
  return text + "] of " + std::to_string(header.element_bytes) + " bytes each";
}

void check_announced(const ByteReader& reader, const IdxHeader& header) {
  // Both terms are below 2^63 and 2^9: the sum cannot overflow.
  const std::uint64_t announced = header.header_bytes + header.payload_bytes;
  if (announced > reader.max_bytes()) {
    fail(kIdxPreambleBytes, "the header announces " + size_text(header) + ", " +
                                std::to_string(announced) +
                                " bytes with the header, but the file " +
                                (reader.is_gzip() ? "can inflate to at most " : "has ") +
                                std::to_string(reader.max_bytes()) + " bytes");
  }
  if (!reader.is_gzip() && announced < reader.max_bytes()) {
    fail(announced, "expected the end of the file after " + size_text(header) + ", but " +
                        std::to_string(reader.max_bytes() - announced) + " more bytes follow");
  }
}

void swap_bytes(std::span<std::byte> payload, std::size_t element_bytes) {
  for (std::size_t start = 0; start < payload.size(); start += element_bytes) {
    std::reverse(payload.data() + start, payload.data() + start + element_bytes);
  }
}

}  // namespace

std::size_t idx_header_bytes(std::span<const std::byte> preamble) {
  if (preamble.size() < kIdxPreambleBytes) {
    fail(preamble.size(), "the file ends inside the first 4 bytes of an IDX file");
  }
  const auto at = [&](std::size_t index) { return std::to_integer<unsigned>(preamble[index]); };
  if (at(0) != 0 || at(1) != 0) {
    fail(0, "the file starts with " + hex(at(0)) + " " + hex(at(1)) +
                ", but an IDX file starts with 0x00 0x00 (or 0x1F 0x8B where it is gzip)");
  }
  if (bytes_of(at(2)) == 0) {
    fail(2, "the type code is " + hex(at(2)) +
                ", expected 0x08 (uint8), 0x09 (int8), 0x0B (int16), 0x0C (int32), 0x0D (float32) "
                "or 0x0E (float64)");
  }
  if (at(3) > kMaxDimensions) {
    fail(3, "the header announces " + std::to_string(at(3)) + " dimensions, expected at most " +
                std::to_string(kMaxDimensions));
  }
  return kIdxPreambleBytes + 4 * std::size_t{at(3)};
}

IdxHeader parse_idx_header(std::span<const std::byte> bytes) {
  IdxHeader header;
  header.header_bytes = idx_header_bytes(bytes);
  if (bytes.size() < header.header_bytes) {
    fail(bytes.size(), "the file ends inside its header, which needs " +
                           std::to_string(header.header_bytes) + " bytes");
  }
  header.type = static_cast<IdxType>(bytes[2]);
  header.element_bytes = bytes_of(std::to_integer<unsigned>(bytes[2]));

  // LibTorch computes strides with 1 in place of 0, so those must not overflow either.
  constexpr std::uint64_t kLimit = std::numeric_limits<std::int64_t>::max();
  std::uint64_t product = header.element_bytes;
  bool is_empty = false;
  for (std::size_t offset = kIdxPreambleBytes; offset < header.header_bytes; offset += 4) {
    const std::uint64_t size = big_endian_32(bytes.subspan(offset));
    header.sizes.push_back(static_cast<std::int64_t>(size));
    is_empty = is_empty || size == 0;
    if (product > kLimit / std::max<std::uint64_t>(size, 1)) {
      fail(offset, "dimension " + std::to_string(header.sizes.size() - 1) + " has size " +
                       std::to_string(size) + ", which makes the data larger than 2^63 - 1 bytes");
    }
    product *= std::max<std::uint64_t>(size, 1);
  }
  header.payload_bytes = is_empty ? 0 : product;
  return header;
}

IdxHeader read_idx_header(ByteReader& reader) {
  std::array<std::byte, kIdxPreambleBytes + 4 * kMaxDimensions> buffer;
  const std::span<std::byte> bytes(buffer);
  std::size_t count = reader.read(bytes.first(kIdxPreambleBytes));
  const std::size_t header_bytes = idx_header_bytes(bytes.first(count));
  count += reader.read(bytes.subspan(count, header_bytes - count));
  IdxHeader header = parse_idx_header(bytes.first(count));
  check_announced(reader, header);
  return header;
}

void read_idx_payload(ByteReader& reader, const IdxHeader& header, std::span<std::byte> payload) {
  const std::size_t count = reader.read(payload);
  if (count < payload.size()) {
    fail(header.header_bytes + count,
         "the data end after " + std::to_string(count) + " of " + std::to_string(payload.size()) +
             " bytes that the header announces as " + size_text(header));
  }
  std::byte extra;
  if (reader.read({&extra, 1}) != 0) {
    fail(header.header_bytes + count,
         "expected the end of the data after " + size_text(header) + ", but more bytes follow");
  }
  if constexpr (std::endian::native == std::endian::little) {
    if (header.element_bytes > 1) {
      swap_bytes(payload, header.element_bytes);
    }
  }
}

}  // namespace ff::storage
