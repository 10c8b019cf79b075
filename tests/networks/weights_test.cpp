#include "networks/weights.h"

#include <fastforward/storage/safetensors.h>
#include <gtest/gtest.h>
#include <torch/nn.h>

#include <map>
#include <string>

#include "support/expect_error.h"
#include "support/temporary_folder.h"

namespace {

using Tensors = std::map<std::string, torch::Tensor>;

Tensors norm_weights() {
  return {{"weight", torch::tensor({2.0F, 3.0F})},
          {"bias", torch::tensor({4.0F, 5.0F})},
          {"running_mean", torch::tensor({6.0F, 7.0F})},
          {"running_var", torch::tensor({8.0F, 9.0F})},
          {"num_batches_tracked", torch::tensor(int64_t{10})}};
}

class Weights : public ff::test::TemporaryFolder {
 protected:
  void load(const Tensors& tensors, const std::vector<std::string>& unused = {}) {
    ff::storage::write_safetensors(folder_ / "weights.safetensors", tensors);
    networks::load_weights(*norm_, folder_ / "weights.safetensors", unused);
  }

  torch::nn::BatchNorm2d norm_{torch::nn::BatchNorm2d(2)};
};

}  // namespace

TEST_F(Weights, ParametersAndBuffersAreLoadedInPlace) {
  const torch::Tensor weight = norm_->weight;
  load(norm_weights());
  EXPECT_TRUE(weight.equal(torch::tensor({2.0F, 3.0F})));
  EXPECT_TRUE(weight.requires_grad());
  EXPECT_TRUE(norm_->bias.equal(torch::tensor({4.0F, 5.0F})));
  EXPECT_TRUE(norm_->running_mean.equal(torch::tensor({6.0F, 7.0F})));
  EXPECT_TRUE(norm_->running_var.equal(torch::tensor({8.0F, 9.0F})));
  EXPECT_EQ(norm_->num_batches_tracked.item<int64_t>(), 10);
}

TEST_F(Weights, TensorsNamedAsUnusedMayBeThere) {
  Tensors tensors = norm_weights();
  tensors["pooler.weight"] = torch::ones({3});
  load(tensors, {"pooler.weight", "pooler.bias"});
  EXPECT_EQ(norm_->num_batches_tracked.item<int64_t>(), 10);
}

TEST_F(Weights, AllMisfitsAreListedAndNothingIsLoaded) {
  Tensors tensors = norm_weights();
  tensors.erase("bias");
  tensors["extra"] = torch::ones({1});
  tensors["running_mean"] = torch::ones({3});
  tensors["running_var"] = torch::ones({2}, torch::kDouble);
  EXPECT_ERROR(c10::ValueError,
               "does not fit torch::nn::BatchNorm2dImpl:\n"
               "  missing in the file: bias\n"
               "  different: running_mean is Float [3] in the file, Float [2] in the module\n"
               "  different: running_var is Double [2] in the file, Float [2] in the module\n"
               "  missing in the module: extra",
               load(tensors));
  EXPECT_TRUE(norm_->weight.equal(torch::ones({2})));
}
