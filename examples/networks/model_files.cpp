#include "model_files.h"

#include <c10/util/Exception.h>

#include <cstdlib>

namespace networks {

std::filesystem::path models_folder() {
  // An empty FF_CACHE is none, as for the scripts.
  if (const char* cache = std::getenv("FF_CACHE"); cache != nullptr && *cache != '\0') {
    return std::filesystem::path(cache) / "models";
  }
  const char* home = std::getenv("HOME");
  return std::filesystem::path(home != nullptr ? home : ".") / ".cache/fastforward/models";
}

std::filesystem::path model_file(const std::filesystem::path& folder, const std::string& name) {
  const std::filesystem::path file = folder / name;
  TORCH_CHECK_VALUE(
      std::filesystem::exists(file), "networks: '", file.string(),
      "' is missing; run `make models`, or set FF_CACHE to the folder that has models/");
  return file;
}

}  // namespace networks
