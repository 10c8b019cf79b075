#include "storage/file_buffer.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>

namespace ff::storage {

FileBuffer::FileBuffer(int descriptor) : descriptor_(descriptor) {
  setp(buffer_.data(), buffer_.data() + buffer_.size());
}

bool FileBuffer::write_all(const char* data, std::streamsize count) {
  while (count > 0 && error_ == 0) {
    const ssize_t written = ::write(descriptor_, data, static_cast<std::size_t>(count));
    if (written > 0) {
      data += written;
      count -= written;
    } else if (written == 0 || errno != EINTR) {
      error_ = written == 0 ? EIO : errno;
    }
  }
  return error_ == 0;
}

bool FileBuffer::write_pending() {
  const bool done = write_all(pbase(), pptr() - pbase());
  setp(buffer_.data(), buffer_.data() + buffer_.size());
  return done;
}

FileBuffer::int_type FileBuffer::overflow(int_type character) {
  if (!write_pending()) {
    return traits_type::eof();
  }
  if (!traits_type::eq_int_type(character, traits_type::eof())) {
    *pptr() = traits_type::to_char_type(character);
    pbump(1);
  }
  return traits_type::not_eof(character);
}

std::streamsize FileBuffer::xsputn(const char* data, std::streamsize count) {
  if (count < epptr() - pptr()) {
    return std::streambuf::xsputn(data, count);
  }
  return write_pending() && write_all(data, count) ? count : 0;
}

int FileBuffer::sync() {
  return write_pending() ? 0 : -1;
}

FileBuffer::pos_type FileBuffer::seekoff(off_type offset, std::ios_base::seekdir from,
                                         std::ios_base::openmode which) {
  if ((which & std::ios_base::out) == 0 || !write_pending()) {
    return pos_type(off_type(-1));
  }
  const int whence = from == std::ios_base::beg   ? SEEK_SET
                     : from == std::ios_base::cur ? SEEK_CUR
                                                  : SEEK_END;
  return pos_type(::lseek(descriptor_, offset, whence));
}

FileBuffer::pos_type FileBuffer::seekpos(pos_type position, std::ios_base::openmode which) {
  return seekoff(off_type(position), std::ios_base::beg, which);
}

}  // namespace ff::storage
