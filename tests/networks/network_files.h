#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <initializer_list>
#include <string>

#include "networks/model_files.h"

namespace ff::test {

/// The first of some folders that `make models` did not make; empty if all are there.
inline std::string missing_model(std::initializer_list<const char*> folders) {
  for (const char* folder : folders) {
    const std::filesystem::path path = networks::models_folder() / folder;
    if (!std::filesystem::exists(path)) {
      return path.string();
    }
  }
  return "";
}

}  // namespace ff::test

/// Skips the test if a folder of the cache is missing, and says which.
#define FF_SKIP_WITHOUT_MODELS(...)                                                           \
  if (const std::string missing = ::ff::test::missing_model({__VA_ARGS__}); !missing.empty()) \
  GTEST_SKIP() << missing << " is missing; `make models` gets it"
