#pragma once

#include <filesystem>

#include "storage/model_contents.h"

namespace ff::storage {

/// Writes the quantizers among `contents` into a file. `where` begins errors.
void write_state(const std::string& where, const ModelContents& contents,
                 const std::filesystem::path& path);

}  // namespace ff::storage
