#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "support/temporary_folder.h"

namespace ff::test {

/// A test with a safetensors file.
class SafetensorsFolder : public TemporaryFolder {
 protected:
  // Writes the file from its header and its data.
  std::filesystem::path file(const std::string& header, const std::string& data) {
    std::string bytes;
    for (unsigned shift = 0; shift < 64; shift += 8)
      bytes += static_cast<char>(static_cast<uint64_t>(header.size()) >> shift & 0xFF);
    return write_bytes(path(), bytes + header + data);
  }
  std::filesystem::path path() const {
    return folder_ / "model.safetensors";
  }
};

}  // namespace ff::test
