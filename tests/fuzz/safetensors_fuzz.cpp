// libFuzzer target of the safetensors header. It needs no LibTorch. From the project's folder:
//
//   mkdir -p build/safetensors_corpus
//   clang++ -std=c++20 -g -O1 -fsanitize=fuzzer,address,undefined -Isrc -o build/safetensors_fuzz \
//     tests/fuzz/safetensors_fuzz.cpp src/storage/safetensors_format.cpp src/core/json.cpp \
//     src/core/json_value.cpp
//   UBSAN_OPTIONS=halt_on_error=1 build/safetensors_fuzz -max_len=4096 -max_total_time=300 \
//     build/safetensors_corpus tests/fuzz/corpus/safetensors
//
// New inputs go to the first folder of the last command, the second one is only read.

#include "storage/safetensors_format.h"

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <string>

#include "storage/read_error.h"

namespace {

using namespace ff::storage;

void require(bool holds, const char* what) {
  if (!holds) {
    std::cerr << "property violated: " << what << '\n';
    std::abort();
  }
}

SafetensorsHeader read(std::span<const std::byte> bytes) {
  const std::size_t preamble = std::min(bytes.size(), kSafetensorsPreambleBytes);
  const std::size_t length = safetensors_header_bytes(bytes.first(preamble), bytes.size());
  require(length <= bytes.size() - kSafetensorsPreambleBytes, "the header is in the file");
  const auto* text = reinterpret_cast<const char*>(bytes.data()) + kSafetensorsPreambleBytes;
  return parse_safetensors_header({text, length}, bytes.size());
}

// Each byte after the header belongs to just one tensor, and each tensor has what its shape needs.
void check_header(const SafetensorsHeader& header, std::size_t file_bytes) {
  std::size_t bytes = 0, first = file_bytes;
  for (const SafetensorsRecord& record : header.tensors) {
    require(record.offset + record.bytes <= file_bytes, "a tensor lies in the file");
    long double bits = bits_of(record.type);
    for (const std::int64_t size : record.shape) {
      require(size >= 0, "a size is not negative");
      bits *= static_cast<long double>(size);
    }
    require(bits == 8 * static_cast<long double>(record.bytes), "a shape fits its bytes");
    require(bytes == 0 || record.offset == first + bytes, "data follow each other");
    first = std::min<std::size_t>(first, record.offset);
    bytes += record.bytes;
  }
  require(header.tensors.empty() || first + bytes == file_bytes, "data end with the file");
}

// What is written from a header reads the same.
void check_round_trip(SafetensorsHeader header) {
  const std::string start = make_safetensors_start(header.tensors, header.metadata);
  require(start.size() % 8 == 0, "data are aligned");
  std::uint64_t file_bytes = start.size();
  for (const SafetensorsRecord& record : header.tensors)
    file_bytes += record.bytes;
  const SafetensorsHeader again = parse_safetensors_header(
      std::string_view(start).substr(kSafetensorsPreambleBytes), file_bytes);
  require(again.metadata == header.metadata, "metadata read the same");
  require(again.tensors.size() == header.tensors.size(), "all tensors are there");
  for (std::size_t i = 0; i < again.tensors.size(); ++i) {
    const SafetensorsRecord &a = again.tensors[i], &b = header.tensors[i];
    require(a.name == b.name && a.type == b.type && a.shape == b.shape && a.offset == b.offset &&
                a.bytes == b.bytes,
            "a tensor reads the same");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const SafetensorsHeader header = read(std::as_bytes(std::span(data, size)));
    check_header(header, size);
    check_round_trip(header);
  } catch (const ReadError& error) {
    const std::string text = error.what();
    require(text.starts_with("byte ") || text.starts_with("header: byte "), "an error has a byte");
    require(text.size() < 2000, "an error is short");
  }
  return 0;
}
