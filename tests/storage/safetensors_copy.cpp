// Reads a safetensors file and writes it again, for safetensors_python_test.py: prints name, type,
// shape and SHA-256 of each tensor that was read, tab by tab.
//
//   safetensors_copy <from> <to>

#include <fastforward/storage/safetensors.h>

#include <iostream>
#include <span>

#include "storage/sha256.h"

int main(int count, char** arguments) {
  if (count != 3) {
    std::cerr << "safetensors_copy: expected two files\n";
    return 2;
  }
  try {
    const ff::storage::SafetensorsFile file(arguments[1]);
    const std::map<std::string, at::Tensor> tensors = file.tensors();
    for (const auto& [name, tensor] : tensors) {
      const auto* bytes = static_cast<const std::byte*>(tensor.const_data_ptr());
      std::cout << name << '\t' << file.entry(name).dtype << '\t' << tensor.sizes() << '\t'
                << ff::storage::sha256(std::span(bytes, tensor.nbytes())) << '\n';
    }
    ff::storage::write_safetensors(arguments[2], tensors, file.metadata());
  } catch (const std::exception& error) {
    std::cerr << "safetensors_copy: " << error.what() << '\n';
    return 1;
  }
  return 0;
}
