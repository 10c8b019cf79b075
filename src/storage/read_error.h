#pragma once

#include <stdexcept>

// No LibTorch here: the fuzzers build the formats alone.
namespace ff::storage {

/// What is wrong with the bytes of a file, and at which byte. The public function that catches it
/// adds the file's name.
class ReadError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace ff::storage
