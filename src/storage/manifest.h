#pragma once

#include <cstdint>
#include <string>
#include <string_view>

// No LibTorch here: the fuzzer builds this file alone. docs/storage.md describes the JSON.
namespace ff::storage {

/// The newest version of the manifest, which is written; all older ones are read.
inline constexpr std::int64_t kManifestVersion = 1;

/// A file beside the manifest.
struct ManifestFile {
  /// A plain name, without a folder.
  std::string name;
  std::uint64_t bytes = 0;
  /// 64 lower-case hexadecimal digits.
  std::string sha256;
};

/// What a folder of save_quantized_model holds.
struct Manifest {
  /// The library that wrote it, for people.
  std::string library;
  ManifestFile weights;
  ManifestFile quantization_state;
};

/// The JSON.
std::string make_manifest_json(const Manifest& manifest);

/// Parses the JSON. Throws ReadError with the JSON pointer and what is wrong there, also for a name
/// that leads out of the folder and for a newer version.
Manifest parse_manifest_json(std::string_view text);

}  // namespace ff::storage
