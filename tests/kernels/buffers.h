#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>
#include <type_traits>
#include <vector>

#include "kernels/number.h"

#if __has_include(<sanitizer/asan_interface.h>)
#include <sanitizer/asan_interface.h>  // its macros do nothing without AddressSanitizer
#else
#define ASAN_POISON_MEMORY_REGION(address, bytes)
#define ASAN_UNPOISON_MEMORY_REGION(address, bytes)
#endif

// Memory for tests of kernels, in which nothing that is read or written outside stays unseen.
namespace ff::kernels {

template <typename T>
bool is_nan(T x) {
  if constexpr (std::is_integral_v<T>) {
    return false;
  } else {
    return widen(x) != widen(x);
  }
}

/// Equal bit for bit. All NaN are one.
template <typename T>
bool same_bits(T a, T b) {
  return std::memcmp(&a, &b, sizeof(T)) == 0 || (is_nan(a) && is_nan(b));
}

/// The place of a buffer whose end lies against memory that cannot be read. Such a load is not
/// seen by AddressSanitizer if it is masked; here it is a fault.
inline constexpr int64_t kAtEnd = -1;

/// Pages that can be written, then one that cannot be touched.
class Pages {
 public:
  explicit Pages(size_t bytes) {
    const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    size_ = (bytes + page - 1) / page * page;
    // Kept for the next buffer of this size: to map and unmap takes longer than most tests.
    std::vector<void*>& free = free_of(size_);
    if (!free.empty()) {
      begin_ = static_cast<unsigned char*>(free.back());
      free.pop_back();
      return;
    }
    void* memory =
        mmap(nullptr, size_ + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
      std::abort();
    begin_ = static_cast<unsigned char*>(memory);
    if (mprotect(begin_ + size_, page, PROT_NONE) != 0)
      std::abort();
  }
  ~Pages() {
    free_of(size_).push_back(begin_);
  }
  Pages(const Pages&) = delete;
  Pages& operator=(const Pages&) = delete;

  unsigned char* data() const {
    return begin_;
  }
  size_t size() const {
    return size_;
  }

 private:
  static std::vector<void*>& free_of(size_t size) {
    static std::map<size_t, std::vector<void*>> all;
    return all[size];
  }

  size_t size_;
  unsigned char* begin_;
};

/// n elements that begin `shift` elements after a multiple of 64 bytes, or lie at kAtEnd. All bytes
/// are 0xa5 at first, those before and behind the elements too; AddressSanitizer takes these for
/// freed. After them is a page that cannot be touched.
template <typename T>
class Buffer {
 public:
  Buffer(int64_t n, int64_t shift)
      : n_(n),
        head_(shift == kAtEnd ? 0 : static_cast<size_t>(shift) * sizeof(T)),
        pages_(2 * kMargin + head_ + bytes()) {
    std::memset(pages_.data(), kSentinel, pages_.size());
    begin_ = shift == kAtEnd ? pages_.size() - bytes() : kMargin + head_;
    ASAN_POISON_MEMORY_REGION(pages_.data(), begin_);
    ASAN_POISON_MEMORY_REGION(pages_.data() + begin_ + bytes(), pages_.size() - begin_ - bytes());
  }
  ~Buffer() {
    ASAN_UNPOISON_MEMORY_REGION(pages_.data(), pages_.size());
  }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  T* data() {
    return reinterpret_cast<T*>(pages_.data() + begin_);
  }
  const T* data() const {
    return reinterpret_cast<const T*>(pages_.data() + begin_);
  }
  T& operator[](int64_t i) {
    return data()[i];
  }
  const T& operator[](int64_t i) const {
    return data()[i];
  }
  int64_t size() const {
    return n_;
  }
  void copy_from(const Buffer& other) {
    std::memcpy(static_cast<void*>(data()), other.data(), bytes());
  }

  /// True if nothing was written before or after the n elements.
  bool guards_stand() const {
    ASAN_UNPOISON_MEMORY_REGION(pages_.data(), pages_.size());
    return untouched(0, begin_) && untouched(begin_ + bytes(), pages_.size());
  }
  /// The index of the first element whose bits differ, -1 if there is none. All NaN are one.
  int64_t first_difference(const Buffer& other) const {
    if (std::memcmp(data(), other.data(), bytes()) == 0)
      return -1;
    for (int64_t i = 0; i < n_; ++i) {
      if (!same_bits((*this)[i], other[i]))
        return i;
    }
    return -1;
  }

 private:
  static constexpr unsigned char kSentinel = 0xa5;
  static constexpr size_t kMargin = 256;

  size_t bytes() const {
    return static_cast<size_t>(n_) * sizeof(T);
  }
  bool untouched(size_t from, size_t to) const {
    const unsigned char* all = pages_.data();
    return from == to ||
           (all[from] == kSentinel && std::memcmp(all + from, all + from + 1, to - from - 1) == 0);
  }

  int64_t n_;
  size_t head_;
  Pages pages_;
  size_t begin_;
};

}  // namespace ff::kernels
