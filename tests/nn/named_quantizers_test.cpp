#include "fastforward/nn/named_quantizers.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <memory>
#include <string>
#include <vector>

#include "fastforward/nn/linear_quantizer.h"
#include "fastforward/nn/quantizer_stub.h"
#include "support/expect_error.h"

namespace {

using ff::nn::LinearQuantizer;
using ff::nn::named_quantizers;
using ff::nn::QuantizerStub;

struct BlockImpl : torch::nn::Module {
  BlockImpl() {
    register_module("linear", torch::nn::Linear(2, 2));
    register_module("weight", weight);
    register_module("stub", QuantizerStub());
  }
  torch::Tensor forward(const torch::Tensor& x) {
    return x;
  }
  LinearQuantizer weight = LinearQuantizer(8);
};
TORCH_MODULE(Block);

std::vector<std::string> paths(const std::vector<ff::nn::NamedQuantizer>& found) {
  std::vector<std::string> list;
  for (const auto& [path, quantizer] : found)
    list.push_back(path);
  return list;
}

using Paths = std::vector<std::string>;

TEST(NamedQuantizers, FindsThemByPathInOrder) {
  torch::nn::Sequential model(Block(), torch::nn::ReLU(), LinearQuantizer(4), Block());
  EXPECT_EQ(paths(named_quantizers(model)), (Paths{"0.weight", "2", "3.weight"}));
  EXPECT_EQ(paths(named_quantizers(model, /*skip_stubs=*/false)),
            (Paths{"0.weight", "0.stub", "2", "3.weight", "3.stub"}));
}

TEST(NamedQuantizers, SetsThePaths) {
  torch::nn::Sequential model{Block()};
  const auto found = named_quantizers(model);
  EXPECT_EQ(found[0].second->path(), "0.weight");
  EXPECT_EQ(found[0].second->describe(), "LinearQuantizer '0.weight'");
}

TEST(NamedQuantizers, AQuantizerIsItsOwnModel) {
  LinearQuantizer quantizer(8);
  const auto found = named_quantizers(quantizer);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].first, "");
  EXPECT_EQ(found[0].second, quantizer.ptr());
  EXPECT_TRUE(named_quantizers(QuantizerStub()).empty());
}

TEST(NamedQuantizers, SharedOnesAreFoundOnce) {
  struct Shared : torch::nn::Module {
    Shared() {
      LinearQuantizer quantizer(8);
      register_module("a", quantizer);
      register_module("b", quantizer);
    }
  };
  Shared model;
  EXPECT_EQ(named_quantizers(model).size(), 1U) << "a module on the stack";
}

TEST(NamedQuantizers, TakesModulesInManyForms) {
  const auto pointer = std::make_shared<BlockImpl>();
  Block holder(pointer);
  EXPECT_EQ(named_quantizers(pointer).size(), 1U);
  EXPECT_EQ(named_quantizers(*pointer).size(), 1U);
  EXPECT_EQ(named_quantizers(holder).size(), 1U);
  EXPECT_EQ(named_quantizers(torch::nn::Linear(2, 2)).size(), 0U);
}

TEST(NamedQuantizers, NullIsRefused) {
  EXPECT_ERROR(c10::ValueError,
               "the shared_ptr to the module is null; give a module that was made, for example "
               "with std::make_shared.",
               named_quantizers(std::shared_ptr<BlockImpl>()));
  EXPECT_ERROR(c10::Error, "Accessing empty ModuleHolder", named_quantizers(Block(nullptr)));
}

TEST(NamedQuantizers, AQuantizerOnTheStackIsRefused) {
  ff::nn::LinearQuantizerImpl quantizer(8);
  EXPECT_ERROR(c10::ValueError,
               "named_quantizers: LinearQuantizer is not owned by a shared_ptr; make it with its "
               "holder, like ff::nn::LinearQuantizer quantizer(8), or with std::make_shared.",
               named_quantizers(quantizer));
}

}  // namespace
