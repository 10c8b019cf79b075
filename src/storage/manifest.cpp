#include "storage/manifest.h"

#include "core/json.h"
#include "storage/read_error.h"

#include <limits>

namespace ff::storage {
namespace {

constexpr std::int64_t kMaxInteger = std::numeric_limits<std::int64_t>::max();

std::string file_json(const ManifestFile& file) {
  return "{\"name\": " + json::quoted(file.name) + ", \"bytes\": " + std::to_string(file.bytes) +
         ", \"sha256\": " + json::quoted(file.sha256) + "}";
}

ManifestFile read_file(const json::Value& value) {
  value.expect_keys({"name", "bytes", "sha256"});
  ManifestFile file;
  file.name = value.at("name").string();
  const bool is_plain = !file.name.empty() && file.name.front() != '.' && file.name.size() < 256 &&
                        file.name.find_first_of(std::string_view("/\0", 2)) == std::string::npos;
  if (!is_plain)
    value.at("name").fail_expected("the name of a file in this folder");
  file.bytes = static_cast<std::uint64_t>(value.at("bytes").integer(0, kMaxInteger));
  file.sha256 = value.at("sha256").string();
  if (file.sha256.size() != 64 ||
      file.sha256.find_first_not_of("0123456789abcdef") != std::string::npos)
    value.at("sha256").fail_expected("64 lower-case hexadecimal digits");
  return file;
}

}  // namespace

std::string make_manifest_json(const Manifest& manifest) {
  return "{\"version\": " + std::to_string(kManifestVersion) +
         ",\n \"library\": " + json::quoted(manifest.library) +
         ",\n \"weights\": " + file_json(manifest.weights) +
         ",\n \"quantization_state\": " + file_json(manifest.quantization_state) + "}\n";
}

Manifest parse_manifest_json(std::string_view text) {
  try {
    const json::Document document = json::Document::parse(
        "manifest.json", text, {.bytes = 1 << 20, .depth = 4, .values = 1000});
    const json::Value root = document.root();
    const std::int64_t version = root.at("version").integer(1, kMaxInteger);
    if (version > kManifestVersion) {
      root.at("version").fail("version " + std::to_string(version) +
                              ", which a newer library wrote; this one reads up to " +
                              std::to_string(kManifestVersion));
    }
    root.expect_keys({"version", "library", "weights", "quantization_state"});
    return {std::string(root.at("library").string()), read_file(root.at("weights")),
            read_file(root.at("quantization_state"))};
  } catch (const json::Error& error) {
    throw ReadError(error.what());
  }
}

}  // namespace ff::storage
