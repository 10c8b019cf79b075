#pragma once

#include <filesystem>
#include <set>
#include <string>

#include "support/temporary_folder.h"

namespace ff::test {

/// A test with the folder of a quantized model.
class ModelFolder : public TemporaryFolder {
 protected:
  std::filesystem::path folder() const {
    return folder_ / "model";
  }
  std::set<std::string> names() const {
    std::set<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator(folder()))
      found.insert(entry.path().filename().string());
    return found;
  }
  std::filesystem::path file(const std::string& stem) const {
    for (const std::string& name : names()) {
      if (name.starts_with(stem))
        return folder() / name;
    }
    return {};
  }
  std::string title() const {
    return "load_quantized_model: '" + folder().string() + "': ";
  }
};

}  // namespace ff::test
