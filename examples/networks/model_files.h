#pragma once

#include <filesystem>
#include <string>

namespace networks {

/// Returns the folder where `make models` puts networks and data: $FF_CACHE/models, or
/// ~/.cache/fastforward/models.
std::filesystem::path models_folder();

/// Returns `folder` / `name`. Throws c10::ValueError, which says how to get it, if there is no such
/// file.
std::filesystem::path model_file(const std::filesystem::path& folder, const std::string& name);

}  // namespace networks
