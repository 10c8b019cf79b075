#pragma once

#include <cstddef>
#include <filesystem>
#include <span>

namespace ff::storage {

/// A file in memory, as it is when it is first touched. Pages that are written to are this
/// process's own from then on; the file never changes.
class MemoryMap {
 public:
  /// Maps a whole file, which may be empty. `where` begins errors. Throws c10::ValueError if the
  /// file cannot be opened or is not a regular file.
  MemoryMap(const char* where, const std::filesystem::path& path);
  ~MemoryMap();
  MemoryMap(const MemoryMap&) = delete;
  MemoryMap& operator=(const MemoryMap&) = delete;

  /// The bytes of the file. On a page boundary.
  std::span<std::byte> bytes() const {
    return {data_, size_};
  }

 private:
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace ff::storage
