#pragma once

#include "storage/read_error.h"

#include <zlib.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <istream>
#include <span>

// No LibTorch here: the fuzzers build this file alone.
namespace ff::storage {

/// Gives the bytes of a stream in order, inflated where the stream starts with gzip's magic bytes
/// (RFC 1952; several members one after another are one file). Memory use is constant; nothing is
/// inflated that was not asked for. Throws ReadError on damaged gzip data and where the stream
/// itself fails.
class ByteReader {
 public:
  /// Reads from the start of `in`, which holds `stream_bytes` bytes and must outlive the reader.
  ByteReader(std::istream& in, std::uint64_t stream_bytes);
  ~ByteReader();
  ByteReader(const ByteReader&) = delete;
  ByteReader& operator=(const ByteReader&) = delete;

  /// Fills `out` and returns how many bytes came: fewer than out.size() only at the end of the
  /// data. At that end the checksum of gzip data has been verified.
  std::size_t read(std::span<std::byte> out);

  /// True if the stream is gzip.
  bool is_gzip() const {
    return is_gzip_;
  }

  /// The most bytes that read() can give in all: the stream's own size, for gzip the size times
  /// deflate's highest ratio. A format that announces more than this is wrong, and known to be so
  /// before any memory is set aside.
  std::uint64_t max_bytes() const;

 private:
  std::size_t fill();
  std::size_t read_plain(std::span<std::byte> out);
  std::size_t read_gzip(std::span<std::byte> out);
  [[noreturn]] void fail_gzip(const char* what) const;

  std::istream& in_;
  std::uint64_t stream_bytes_;
  std::uint64_t taken_bytes_ = 0;  // from in_, so far
  std::array<std::byte, 16384> chunk_;
  std::span<std::byte> rest_;  // of chunk_, not yet used
  bool is_gzip_ = false;
  bool member_ended_ = false;
  z_stream inflater_ = {};
};

}  // namespace ff::storage
