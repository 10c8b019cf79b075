#include "fastforward/core/api.h"

#include <gtest/gtest.h>
#include <torch/version.h>

#include <string>

namespace {

TEST(Version, IsThatOfTheHeadersAndOfTheBuild) {
  const std::string headers = std::to_string(FF_VERSION_MAJOR) + "." +
                              std::to_string(FF_VERSION_MINOR) + "." +
                              std::to_string(FF_VERSION_PATCH);
  EXPECT_EQ(ff::version(), headers);
  EXPECT_EQ(ff::version(), FF_PROJECT_VERSION);
}

TEST(Version, OfTorchIsThatOfTheLoadedLibrary) {
  EXPECT_EQ(ff::torch_version(), TORCH_VERSION);
  EXPECT_EQ(torch::ones({2, 3}).sum().item<float>(), 6.0F);
}

}  // namespace
