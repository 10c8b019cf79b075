#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "storage/value_format.h"

// No LibTorch here: the fuzzer builds this file alone. docs/storage.md describes the JSON.
namespace ff::storage {

/// The newest version of the JSON, which is written; all older ones are read.
inline constexpr std::int64_t kStateVersion = 1;

/// A parameter or a buffer of the model.
struct TensorRecord {
  std::string name;
  /// As in safetensors, or LibTorch's name where the format has none.
  std::string dtype;
  std::vector<std::int64_t> shape;
  /// The name of the earlier tensor that is the same one, "" if there is none.
  std::string same_as;

  bool operator==(const TensorRecord&) const = default;
};

/// One quantizer.
struct QuantizerRecord {
  /// The places where it stands, at least one; "" is the model itself. Its tensors are named after
  /// the first.
  std::vector<std::string> places;
  std::string type;
  StateValues settings;
  /// The names of its parameters, those of them that are trained, and its buffers.
  std::vector<std::string> parameters, trained, buffers;
  std::vector<std::string> tags;
  std::optional<std::vector<std::int64_t>> shape;
  StateValues attributes;
};

/// What is known of a model's quantizers beside their tensors.
struct StateRecord {
  /// The library that wrote it, for people.
  std::string library;
  /// The fingerprint: SHA-256 of fingerprint_text(tensors).
  std::string fingerprint;
  std::vector<TensorRecord> tensors;
  std::vector<QuantizerRecord> quantizers;
};

/// The name of a quantizer's tensor in the file: "place.tensor", only "tensor" where the place is
/// "".
std::string tensor_name(const std::string& place, const std::string& tensor);

/// What the fingerprint is the hash of: one line of JSON for each tensor.
std::string fingerprint_text(const std::vector<TensorRecord>& tensors);

/// The most levels of a tag. QuantizerMetadata holds each level as a tag, so that the memory grows
/// with their square.
inline constexpr std::size_t kMostTagLevels = 32;

/// The levels of a tag: 2 for "parameter/weight".
std::size_t levels_of(const std::string& tag);

/// The JSON. Throws ReadError if a text in it is not UTF-8.
std::string make_state_json(const StateRecord& state);

/// Parses the JSON. Throws ReadError with the JSON pointer and what is wrong there, also for a
/// place or a tensor that stands there twice and for a newer version.
StateRecord parse_state_json(std::string_view text);

}  // namespace ff::storage
