#pragma once

#include <array>
#include <streambuf>

namespace ff::storage {

/// The stream buffer of an open file descriptor, for writing. std::filebuf gives neither the
/// descriptor, which fsync needs, nor the reason of a failure. It does not close the descriptor.
class FileBuffer : public std::streambuf {
 public:
  /// Writes from the descriptor's present position on.
  explicit FileBuffer(int descriptor);

  /// The errno of the first failure, 0 if there was none.
  int error() const {
    return error_;
  }

 protected:
  int_type overflow(int_type character) override;
  std::streamsize xsputn(const char* data, std::streamsize count) override;
  int sync() override;
  pos_type seekoff(off_type offset, std::ios_base::seekdir from,
                   std::ios_base::openmode which) override;
  pos_type seekpos(pos_type position, std::ios_base::openmode which) override;

 private:
  bool write_all(const char* data, std::streamsize count);
  bool write_pending();

  int descriptor_;
  int error_ = 0;
  std::array<char, 65536> buffer_;
};

}  // namespace ff::storage
