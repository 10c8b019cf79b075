#pragma once

#include <gtest/gtest.h>

#include <sstream>
#include <string>

#include "fastforward/nn/quantizer.h"
#include "fastforward/storage/safetensors.h"
#include "support/temporary_folder.h"
#include "support/tensors.h"

namespace ff::test {

inline constexpr const char* kStateKey = "fastforward.quantization_state";

/// A test with a file of quantization state.
class StateFile : public TemporaryFolder {
 protected:
  std::filesystem::path path() const {
    return folder_ / "state.safetensors";
  }
  // Writes the file again with a part of its JSON replaced.
  void edit(const std::string& from, const std::string& to) const {
    const storage::SafetensorsFile file(path());
    std::string text = file.metadata().at(kStateKey);
    const size_t at = text.find(from);
    ASSERT_NE(at, std::string::npos) << from << " in " << text;
    storage::write_safetensors(path(), file.tensors(),
                               {{kStateKey, text.replace(at, from.size(), to)}});
  }
  std::string title() const {
    return "load_quantization_state: '" + path().string() + "': ";
  }
};

/// Expects two quantizers of one type, with the same settings, metadata and tensors.
inline void expect_same_quantizer(const nn::Quantizer& got, const nn::Quantizer& expected) {
  EXPECT_EQ(got->name(), expected->name());
  std::ostringstream a, b;
  a << *got << got->metadata();
  b << *expected << expected->metadata();
  EXPECT_EQ(a.str(), b.str());
  const auto ours = got->named_parameters(), theirs = expected->named_parameters();
  ASSERT_EQ(ours.keys(), theirs.keys());
  for (const auto& parameter : theirs) {
    EXPECT_TRUE(same(ours[parameter.key()], parameter.value())) << parameter.key();
    EXPECT_EQ(ours[parameter.key()].requires_grad(), parameter.value().requires_grad());
  }
  const auto buffers = got->named_buffers(), saved = expected->named_buffers();
  ASSERT_EQ(buffers.keys(), saved.keys());
  for (const auto& buffer : saved)
    EXPECT_TRUE(same(buffers[buffer.key()], buffer.value())) << buffer.key();
}

}  // namespace ff::test
