#include "fastforward/storage/atomic_file.h"

#include "storage/file_buffer.h"

#include <c10/util/Exception.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <optional>
#include <ostream>
#include <random>
#include <string>
#include <utility>

namespace ff::storage {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const fs::path& path, const std::string& what, int error) {
  TORCH_CHECK(false, "write_file_atomically: '", path.string(), "': ", what, ": ",
              std::strerror(error));
}

class FileDescriptor {
 public:
  explicit FileDescriptor(int value) : value_(value) {}
  FileDescriptor(FileDescriptor&& other) noexcept : value_(std::exchange(other.value_, -1)) {}
  ~FileDescriptor() {
    if (value_ >= 0) {
      ::close(value_);
    }
  }
  int get() const {
    return value_;
  }
  int close() {
    return ::close(std::exchange(value_, -1));
  }

 private:
  int value_;
};

// The file that is written: links followed, and what is not a regular file refused. Renaming over a
// device such as /dev/null would replace it for the whole machine.
fs::path resolve(const fs::path& path) {
  std::error_code error;
  fs::path target = path;
  if (fs::is_symlink(fs::symlink_status(path, error))) {
    target = fs::canonical(path, error);
    if (error) {
      fail(path, "the symbolic link cannot be followed", error.value());
    }
  }
  const fs::file_status status = fs::status(target, error);
  const bool is_free = !target.filename().empty() && !fs::exists(status);
  TORCH_CHECK(is_free || fs::is_regular_file(status), "write_file_atomically: '", path.string(),
              "' ",
              fs::is_directory(status) ? "is a folder"
              : fs::exists(status)     ? "is a special file"
                                       : "names no file",
              "; expected a regular file or a name that is free");
  return target;
}

FileDescriptor open_folder(const fs::path& target) {
  const fs::path folder = target.has_parent_path() ? target.parent_path() : fs::path(".");
  FileDescriptor descriptor(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (descriptor.get() < 0) {
    fail(target, "the folder '" + folder.string() + "' cannot be opened", errno);
  }
  return descriptor;
}

// A temporary file next to the target, removed again unless it is renamed.
class TemporaryFile {
 public:
  TemporaryFile(const fs::path& target, int folder)
      : target_(target), folder_(folder), file_(create()) {}
  ~TemporaryFile() {
    if (!renamed_) {
      ::unlinkat(folder_, name_.c_str(), 0);
    }
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  int descriptor() const {
    return file_.get();
  }

  void flush() {
    if (::fsync(file_.get()) != 0) {
      fail(target_, "the data could not be flushed to the disk", errno);
    }
    if (file_.close() != 0) {
      fail(target_, "the temporary file could not be closed", errno);
    }
  }

  void rename() {
    const std::string name = target_.filename().string();
    if (::renameat(folder_, name_.c_str(), folder_, name.c_str()) != 0) {
      fail(target_, "the temporary file could not be renamed", errno);
    }
    renamed_ = true;
  }

 private:
  FileDescriptor create() {
    struct stat old_file = {};
    const bool replaces = ::fstatat(folder_, target_.filename().c_str(), &old_file, 0) == 0;
    // 200 of the 255 bytes that a file name may have.
    const std::string stem = "." + target_.filename().string().substr(0, 200) + ".";
    std::random_device random;
    int descriptor = -1;
    do {
      name_ = stem + std::to_string(random()) + ".tmp";
      descriptor = ::openat(folder_, name_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    } while (descriptor < 0 && (errno == EEXIST || errno == EINTR));
    if (descriptor < 0) {
      fail(target_, "no temporary file could be made in its folder", errno);
    }
    if (replaces) {
      // The mode is a courtesy: a file system without modes is no reason to fail.
      static_cast<void>(::fchmod(descriptor, old_file.st_mode & 0777));
    }
    return FileDescriptor(descriptor);
  }

  const fs::path& target_;
  int folder_;
  std::string name_;
  FileDescriptor file_;
  bool renamed_ = false;
};

void flush_folder(const fs::path& target, int folder) {
  // EINVAL: a file system whose folders need no flush.
  if (::fsync(folder) != 0 && errno != EINVAL) {
    fail(target, "the new file is in place, but its folder could not be flushed to the disk",
         errno);
  }
}

}  // namespace

void write_file_atomically(const fs::path& path, const std::function<void(std::ostream&)>& write) {
  const fs::path target = resolve(path);
  const FileDescriptor folder = open_folder(target);
  TemporaryFile temporary(target, folder.get());
  {
    FileBuffer buffer(temporary.descriptor());
    std::ostream stream(&buffer);
    write(stream);
    stream.flush();
    if (buffer.error() != 0) {
      fail(path, "writing failed", buffer.error());
    }
    TORCH_CHECK(stream.good(), "write_file_atomically: '", path.string(),
                "': the writer left its stream in a failed state; the file was not changed");
  }
  temporary.flush();
  temporary.rename();
  flush_folder(target, folder.get());
}

void write_file_atomically(const fs::path& path, std::span<const std::byte> bytes) {
  write_file_atomically(path, [bytes](std::ostream& out) {
    out.write(reinterpret_cast<const char*>(bytes.data()),
              static_cast<std::streamsize>(bytes.size()));
  });
}

}  // namespace ff::storage
