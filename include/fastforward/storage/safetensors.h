#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fastforward/core/api.h"

namespace ff::storage {

/// What a safetensors file says of one of its tensors.
struct FF_API SafetensorsEntry {
  /// The type as the file writes it: "F32".
  std::string dtype;
  /// LibTorch's type; nothing for types that LibTorch lacks: F4, F6_E2M3, F6_E3M2.
  std::optional<at::ScalarType> scalar_type;
  /// The shape, at most 64 sizes.
  std::vector<std::int64_t> shape;
  /// The first byte of the data in the file.
  std::uint64_t offset = 0;
  /// The bytes of the data.
  std::uint64_t bytes = 0;
};

/// A safetensors file, opened by mapping it into memory: only the header is read, and of the data
/// what is touched later.
///
/// The whole header is checked before anything is made of it, see docs/storage.md: it may be at
/// most 100 MB, keys may not be there twice, and the data must cover the rest of the file without
/// holes and overlaps. Values are taken as they are, NaN and Inf included.
///
/// The file must not be cut off while it is open: touching what is no longer there kills the
/// process (SIGBUS). Replacing it by renaming, as write_safetensors does, is safe. Several threads
/// may read one SafetensorsFile.
///
///     const ff::storage::SafetensorsFile file("model.safetensors");
///     torch::Tensor weight = file.tensor("encoder.layer.0.output.dense.weight");
///
/// Source: https://github.com/huggingface/safetensors, README, "Format", and its Rust
/// implementation, version 0.8.
class FF_API SafetensorsFile {
 public:
  /// Opens a file. Throws c10::ValueError, with the file, the byte and what is wrong there, if it
  /// cannot be opened or is not a whole safetensors file.
  explicit SafetensorsFile(const std::filesystem::path& path);

  /// Returns the names of the tensors, in the order of their data.
  const std::vector<std::string>& names() const;
  /// Returns the texts under "__metadata__".
  const std::map<std::string, std::string>& metadata() const;
  /// True if the file has a tensor of this name.
  bool has(const std::string& name) const;
  /// Returns what the header says of a tensor, without touching its data. Throws c10::ValueError if
  /// the file has no tensor of this name.
  const SafetensorsEntry& entry(const std::string& name) const;

  /// Returns a tensor on the CPU: contiguous, without gradient.
  ///
  /// It lies in the mapped file, which it keeps open, and costs no memory until it is touched. It
  /// may be written to: such changes are seen by all tensors made of this name by this
  /// SafetensorsFile, and never reach the file. Where the file has the data at an address that is
  /// no multiple of the element's size it is a copy.
  ///
  /// Throws c10::ValueError if the file has no tensor of this name, or a BOOL tensor has a byte
  /// that is neither 0 nor 1; c10::NotImplementedError if LibTorch lacks its type.
  at::Tensor tensor(const std::string& name) const;
  /// Returns all tensors by name, each as tensor() does.
  std::map<std::string, at::Tensor> tensors() const;

  /// Returns the path that was opened.
  const std::filesystem::path& path() const;

 private:
  struct State;
  std::shared_ptr<const State> state_;
};

/// Reads all tensors of a safetensors file. See SafetensorsFile::tensors.
FF_API std::map<std::string, at::Tensor> read_safetensors(const std::filesystem::path& path);

/// Writes tensors into a safetensors file, at once and whole as write_file_atomically does.
///
/// The bytes are those that the reference implementation writes: large types first and by name, the
/// header padded with spaces to 8 bytes, so that all data are aligned. Tensors of any strides and
/// on any device are written as contiguous ones, copied one at a time. Tensors that share memory
/// are written in full each, and are separate ones when they are read. requires_grad is not kept.
///
/// Throws c10::ValueError for an undefined tensor, one with more than 64 dimensions, a name that is
/// "__metadata__", and names and metadata that are not UTF-8; c10::TypeError for a tensor without
/// plain memory (quantized, sparse, on the device meta) and for a type that the format lacks;
/// c10::Error if writing fails. Then the file stays as it was.
FF_API void write_safetensors(const std::filesystem::path& path,
                              const std::map<std::string, at::Tensor>& tensors,
                              const std::map<std::string, std::string>& metadata = {});

}  // namespace ff::storage
