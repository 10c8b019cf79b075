#include "fastforward/nn/quantizer_stub.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include <memory>
#include <sstream>

namespace {

using ff::nn::QuantizerMetadata;
using ff::nn::QuantizerStub;
using ff::nn::QuantizerStubImpl;

TEST(QuantizerStub, PassesItsDataOn) {
  QuantizerStub stub;
  const torch::Tensor data = torch::ones({2}, torch::kInt);
  EXPECT_TRUE(stub->forward(data).is_same(data)) << "whatever it is";
}

TEST(QuantizerStub, ClonesWithItsMetadata) {
  const QuantizerStub stub(QuantizerMetadata({"activation/input"}));
  const auto copy = std::dynamic_pointer_cast<QuantizerStubImpl>(stub->clone());
  ASSERT_NE(copy, nullptr);
  EXPECT_TRUE(copy->metadata().has_tag("activation"));
}

TEST(QuantizerStub, Prints) {
  std::ostringstream stream;
  stream << QuantizerStub(QuantizerMetadata({"activation"}));
  EXPECT_EQ(stream.str(), "QuantizerStub(QuantizerMetadata(#activation))");
}

}  // namespace
