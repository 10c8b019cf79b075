// libFuzzer target of the IDX parser, plain and gzip. It needs no LibTorch. From the project's
// folder:
//
//   mkdir -p build/idx_corpus
//   clang++ -std=c++20 -g -O1 -fsanitize=fuzzer,address,undefined -Isrc -o build/idx_fuzz \
//     tests/fuzz/idx_fuzz.cpp src/storage/idx_format.cpp src/storage/byte_reader.cpp -lz
//   UBSAN_OPTIONS=halt_on_error=1 build/idx_fuzz -max_len=4096 -max_total_time=300 \
//     build/idx_corpus tests/fuzz/corpus/idx
//
// New inputs go to the first folder of the last command, the second one is only read.

#include "storage/idx_format.h"

#include <zlib.h>

#include <cstdlib>
#include <iostream>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

namespace {

using ff::storage::ByteReader;
using ff::storage::IdxHeader;
using ff::storage::ReadError;

void require(bool holds, const char* what) {
  if (!holds) {
    std::cerr << "property violated: " << what << '\n';
    std::abort();
  }
}

// The payload, or nothing where the bytes are no IDX file.
std::optional<std::vector<std::byte>> read_file(const std::string& bytes) {
  std::istringstream stream(bytes);
  try {
    ByteReader reader(stream, bytes.size());
    const IdxHeader header = ff::storage::read_idx_header(reader);
    require(header.payload_bytes <= reader.max_bytes(),
            "memory is set aside only for bytes that can come");
    std::vector<std::byte> payload(header.payload_bytes);
    ff::storage::read_idx_payload(reader, header, payload);
    return payload;
  } catch (const ReadError& error) {
    require(!std::string(error.what()).empty(), "an error has a text");
    return std::nullopt;
  }
}

std::string gzip(const std::string& bytes) {
  z_stream deflater = {};
  require(deflateInit2(&deflater, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK,
          "deflate starts");
  std::string out(deflateBound(&deflater, bytes.size()), '\0');
  deflater.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  deflater.avail_in = static_cast<uInt>(bytes.size());
  deflater.next_out = reinterpret_cast<Bytef*>(out.data());
  deflater.avail_out = static_cast<uInt>(out.size());
  require(deflate(&deflater, Z_FINISH) == Z_STREAM_END, "deflate ends");
  out.resize(deflater.total_out);
  deflateEnd(&deflater);
  return out;
}

void check_header(std::span<const std::byte> bytes) {
  try {
    const IdxHeader header = ff::storage::parse_idx_header(bytes);
    require(header.header_bytes <= bytes.size(), "the header is inside the bytes");
    // Again, in floating point: 2^63 is far from the rounding of a 64-bit mantissa.
    long double product = static_cast<long double>(header.element_bytes);
    for (const std::int64_t size : header.sizes) {
      product *= static_cast<long double>(size);
    }
    require(product == static_cast<long double>(header.payload_bytes),
            "the product of the sizes is exact");
  } catch (const ReadError&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  check_header(std::as_bytes(std::span(data, size)));
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  const auto payload = read_file(bytes);
  const bool is_gzip = size >= 2 && data[0] == 0x1f && data[1] == 0x8b;
  if (!is_gzip) {
    require(read_file(gzip(bytes)) == payload, "a file and its gzip read the same");
  }
  return 0;
}
