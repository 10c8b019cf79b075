#include "networks/efficientnet_lite0.h"

#include <gtest/gtest.h>

#include "networks/imagenet_crops.h"
#include "support/expect_error.h"

namespace {

double largest_difference(const torch::Tensor& a, const torch::Tensor& b) {
  return (a - b).abs().max().item<double>();
}

int64_t count(const std::vector<torch::Tensor>& tensors) {
  int64_t elements = 0;
  for (const torch::Tensor& tensor : tensors) {
    elements += tensor.numel();
  }
  return elements;
}

}  // namespace

TEST(EfficientNetLite0, HasThePublishedSize) {
  const networks::EfficientNetLite0 network;
  int64_t convolutions = 0;
  for (const auto& module : network->modules()) {
    convolutions += module->as<torch::nn::Conv2d>() != nullptr;
  }
  EXPECT_EQ(convolutions, 49);
  EXPECT_EQ(count(network->parameters()), 4'652'008);  // 4.7 M in the TensorFlow repository
}

TEST(EfficientNetLite0, OutputsHaveTheSizeDividedByTheStride) {
  const torch::NoGradGuard no_grad;
  for (const int64_t kernel : {3, 5}) {
    networks::InvertedResidual block(
        networks::InvertedResidualOptions(2, 3).kernel(kernel).stride(2));
    block->eval();
    EXPECT_EQ(block(torch::zeros({1, 2, 8, 7})).sizes(), at::IntArrayRef({1, 3, 4, 4}));
    EXPECT_EQ(block(torch::zeros({1, 2, 1, 2})).sizes(), at::IntArrayRef({1, 3, 1, 1}));
  }
}

TEST(EfficientNetLite0, TheLargerHalfOfOddPaddingIsBelowAndToTheRight) {
  const torch::NoGradGuard no_grad;
  networks::InvertedResidual block(
      networks::InvertedResidualOptions(1, 1).expansion(1).kernel(3).stride(2));
  block->eval();
  const auto weights = block->named_parameters();
  weights["_project_conv.weight"].fill_(1);
  // Only the upper left weight counts: of 4 pixels with stride 2 one is missing. If it were above
  // and to the left, the first output would be 0.
  weights["_depthwise_conv.weight"].zero_().index_put_({0, 0, 0, 0}, 1.0);
  const torch::Tensor image = torch::arange(1.0, 17.0).div(16).view({1, 1, 4, 4}).to(torch::kFloat);
  const torch::Tensor expected = torch::tensor({1.0F, 3.0F, 9.0F, 11.0F}).view({1, 1, 2, 2}) / 16;
  // Batch norm divides twice by sqrt(1 + 1e-3).
  EXPECT_LT(largest_difference(block(image) * 1.001, expected), 1e-6);
}

TEST(EfficientNetLite0, AResidualIsAddedWhereSizesAreEqual) {
  const torch::NoGradGuard no_grad;
  const torch::Tensor image = torch::randn({1, 2, 4, 4});
  const auto silent = [&](int64_t out, int64_t stride) {
    networks::InvertedResidual block(networks::InvertedResidualOptions(2, out).stride(stride));
    block->eval();
    block->named_parameters()["_bn2.weight"].zero_();
    return block(image);
  };
  EXPECT_TRUE(silent(2, 1).equal(image));
  EXPECT_TRUE(silent(3, 1).equal(torch::zeros({1, 3, 4, 4})));
  EXPECT_TRUE(silent(2, 2).equal(torch::zeros({1, 2, 2, 2})));
}

TEST(EfficientNetLite0, ACloneIsWholeAndItsOwn) {
  const torch::NoGradGuard no_grad;
  networks::EfficientNetLite0 network;
  network->eval();
  const auto clone = std::dynamic_pointer_cast<networks::EfficientNetLite0Impl>(network->clone());
  const torch::Tensor image = torch::randn({2, 3, 40, 33});
  const torch::Tensor before = network(image);
  EXPECT_TRUE(clone->forward(image).equal(before));
  for (const torch::Tensor& parameter : clone->parameters()) {
    parameter.zero_();
  }
  EXPECT_TRUE(network(image).equal(before));
  EXPECT_TRUE(clone->forward(image).equal(torch::zeros({2, 1000})));
}

TEST(EfficientNetLite0, MissingFilesAreAnErrorThatSaysHowToGetThem) {
  const std::filesystem::path empty = "/no/such/folder";
  EXPECT_ERROR(c10::ValueError, "model.safetensors' is missing; run `make models`",
               networks::load_efficientnet_lite0(empty));
  EXPECT_ERROR(c10::ValueError, "crops.safetensors' is missing; run `make models`",
               networks::load_imagenet_crops(empty));
  EXPECT_ERROR(c10::ValueError, "traced_dynamic_padding.pt' is missing; run `make models`",
               networks::traced_efficientnet_lite0(true, empty));
}

TEST(EfficientNetLite0, BatchesAreNormalisedImages) {
  const torch::Tensor images = torch::full({5, 3, 2, 2}, 255, torch::kByte);
  const std::vector<torch::Tensor> cut = networks::batches(images, 2);
  ASSERT_EQ(cut.size(), 3);
  EXPECT_EQ(cut[2].sizes(), at::IntArrayRef({1, 3, 2, 2}));
  EXPECT_TRUE(cut[0].equal(torch::ones({2, 3, 2, 2})));
  EXPECT_ERROR(c10::ValueError, "images are Float [5, 3, 2, 2]",
               networks::batches(images.to(torch::kFloat)));
}
