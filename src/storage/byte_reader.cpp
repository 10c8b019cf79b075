#include "storage/byte_reader.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>
#include <string>

namespace ff::storage {
namespace {

// A deflate match gives at most 258 bytes for at least 2 bits: 258 * 8 / 2.
constexpr std::uint64_t kHighestDeflateRatio = 1032;
// zlib: 15 bits of window, + 16 for the gzip wrapper alone.
constexpr int kGzipWindowBits = 15 + 16;

}  // namespace

ByteReader::ByteReader(std::istream& in, std::uint64_t stream_bytes)
    : in_(in), stream_bytes_(stream_bytes) {
  fill();
  is_gzip_ = rest_.size() >= 2 && rest_[0] == std::byte{0x1f} && rest_[1] == std::byte{0x8b};
  if (is_gzip_ && inflateInit2(&inflater_, kGzipWindowBits) != Z_OK) {
    throw ReadError("zlib could not start: no memory left");
  }
}

ByteReader::~ByteReader() {
  if (is_gzip_) {
    inflateEnd(&inflater_);
  }
}

std::size_t ByteReader::read(std::span<std::byte> out) {
  return is_gzip_ ? read_gzip(out) : read_plain(out);
}

std::uint64_t ByteReader::max_bytes() const {
  if (!is_gzip_) {
    return stream_bytes_;
  }
  const std::uint64_t limit = std::numeric_limits<std::uint64_t>::max() / kHighestDeflateRatio;
  return std::min(stream_bytes_, limit) * kHighestDeflateRatio;
}

std::size_t ByteReader::fill() {
  errno = 0;
  in_.read(reinterpret_cast<char*>(chunk_.data()), static_cast<std::streamsize>(chunk_.size()));
  if (in_.bad()) {
    const int error = errno;
    throw ReadError("byte " + std::to_string(taken_bytes_) + " of the file: reading failed: " +
                    (error != 0 ? std::strerror(error) : "the stream is broken"));
  }
  const auto count = static_cast<std::size_t>(in_.gcount());
  taken_bytes_ += count;
  rest_ = std::span(chunk_).first(count);
  return count;
}

std::size_t ByteReader::read_plain(std::span<std::byte> out) {
  std::size_t done = 0;
  while (done < out.size() && (!rest_.empty() || fill() > 0)) {
    const std::size_t count = std::min(rest_.size(), out.size() - done);
    std::memcpy(out.data() + done, rest_.data(), count);
    rest_ = rest_.subspan(count);
    done += count;
  }
  return done;
}

std::size_t ByteReader::read_gzip(std::span<std::byte> out) {
  std::size_t done = 0;
  while (done < out.size()) {
    if (rest_.empty() && fill() == 0) {
      if (member_ended_) {
        break;
      }
      fail_gzip("the file ends inside its gzip data");
    }
    if (member_ended_) {
      inflateReset(&inflater_);
      member_ended_ = false;
    }
    const auto room = static_cast<uInt>(
        std::min<std::size_t>(out.size() - done, std::numeric_limits<uInt>::max()));
    inflater_.next_in = reinterpret_cast<Bytef*>(rest_.data());
    inflater_.avail_in = static_cast<uInt>(rest_.size());
    inflater_.next_out = reinterpret_cast<Bytef*>(out.data() + done);
    inflater_.avail_out = room;
    const int result = inflate(&inflater_, Z_NO_FLUSH);
    rest_ = rest_.last(inflater_.avail_in);
    done += room - inflater_.avail_out;
    member_ended_ = result == Z_STREAM_END;
    if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR) {
      fail_gzip(inflater_.msg != nullptr ? inflater_.msg : "zlib failed");
    }
  }
  return done;
}

void ByteReader::fail_gzip(const char* what) const {
  throw ReadError("byte " + std::to_string(taken_bytes_ - rest_.size()) +
                  " of the compressed file: " + what +
                  "; expected whole gzip data and nothing after it");
}

}  // namespace ff::storage
