#include "storage/memory_map.h"

#include <c10/util/Exception.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace ff::storage {

MemoryMap::MemoryMap(const char* where, const std::filesystem::path& path) {
  // Without O_NONBLOCK a FIFO without a writer would be waited for.
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  TORCH_CHECK_VALUE(file >= 0, where, ": '", path.string(),
                    "' cannot be opened: ", std::strerror(errno));
  struct stat status = {};
  const bool is_regular = ::fstat(file, &status) == 0 && S_ISREG(status.st_mode);
  void* data = nullptr;
  if (is_regular && status.st_size > 0) {
    // Private, so that tensors on it may be written to. MAP_NORESERVE: what nobody writes to needs
    // no memory set aside.
    data = ::mmap(nullptr, static_cast<std::size_t>(status.st_size), PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_NORESERVE, file, 0);
  }
  const int error = errno;
  ::close(file);
  TORCH_CHECK_VALUE(is_regular, where, ": '", path.string(),
                    "' is not a regular file; give the path of a file");
  TORCH_CHECK_VALUE(data != MAP_FAILED, where, ": '", path.string(),
                    "' cannot be mapped into memory: ", std::strerror(error));
  data_ = static_cast<std::byte*>(data);
  size_ = static_cast<std::size_t>(status.st_size);
}

MemoryMap::~MemoryMap() {
  if (data_ != nullptr)
    ::munmap(data_, size_);
}

}  // namespace ff::storage
