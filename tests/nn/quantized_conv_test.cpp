#include "fastforward/nn/quantized_conv.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "nn/layer_checks.h"
#include "support/expect_error.h"

namespace {

using ff::nn::QuantizedConv1d;
using ff::nn::QuantizedConv2d;
using ff::nn::QuantizedConv3d;
using ff::nn::QuantizedConvTranspose1d;
using ff::nn::QuantizedConvTranspose2d;
using ff::nn::QuantizedConvTranspose3d;
using ff::test::expect_twin_of;
using ff::test::random_data;
using ff::test::same;
using torch::nn::Conv1d;
using torch::nn::Conv1dOptions;
using torch::nn::Conv2d;
using torch::nn::Conv2dOptions;
using torch::nn::Conv3d;
using torch::nn::Conv3dOptions;
using torch::nn::ConvTranspose1d;
using torch::nn::ConvTranspose1dOptions;
using torch::nn::ConvTranspose2d;
using torch::nn::ConvTranspose2dOptions;
using torch::nn::ConvTranspose3d;
using torch::nn::ConvTranspose3dOptions;

TEST(QuantizedConv, AreTwinsOfConv) {
  expect_twin_of<QuantizedConv1d>(Conv1d(Conv1dOptions(2, 4, 3).stride(2).padding(1)),
                                  random_data({2, 2, 7}, 1));
  expect_twin_of<QuantizedConv2d>(Conv2d(Conv2dOptions(4, 6, {3, 2}).groups(2).dilation({1, 2})),
                                  random_data({2, 4, 6, 5}, 1));
  expect_twin_of<QuantizedConv2d>(Conv2d(Conv2dOptions(2, 3, 3).bias(false)),
                                  random_data({2, 5, 5}, 1));
  expect_twin_of<QuantizedConv3d>(Conv3d(Conv3dOptions(2, 3, 2)), random_data({1, 2, 3, 4, 3}, 1));
}

TEST(QuantizedConv, AllPaddings) {
  const torch::Tensor x = random_data({2, 2, 6, 5}, 1);
  expect_twin_of<QuantizedConv2d>(Conv2d(Conv2dOptions(2, 3, 3).padding(torch::kSame)), x);
  expect_twin_of<QuantizedConv2d>(Conv2d(Conv2dOptions(2, 3, 3).padding(torch::kValid)), x);
  expect_twin_of<QuantizedConv2d>(
      Conv2d(Conv2dOptions(2, 3, 3).padding({2, 1}).padding_mode(torch::kReflect)), x);
  expect_twin_of<QuantizedConv2d>(
      Conv2d(Conv2dOptions(2, 3, {4, 3}).padding(torch::kSame).padding_mode(torch::kReplicate)), x);
  expect_twin_of<QuantizedConv2d>(
      Conv2d(Conv2dOptions(2, 3, 3).padding({1, 2}).stride(2).padding_mode(torch::kCircular)), x);
  expect_twin_of<QuantizedConv1d>(
      Conv1d(Conv1dOptions(2, 3, 3).padding(2).padding_mode(torch::kCircular)),
      random_data({2, 2, 6}, 1));
  expect_twin_of<QuantizedConv3d>(
      Conv3d(Conv3dOptions(2, 3, 3).padding(1).padding_mode(torch::kReplicate)),
      random_data({1, 2, 3, 4, 3}, 1));
}

TEST(QuantizedConv, AreTwinsOfConvTranspose) {
  expect_twin_of<QuantizedConvTranspose1d>(
      ConvTranspose1d(ConvTranspose1dOptions(2, 4, 3).stride(2).padding(1).output_padding(1)),
      random_data({2, 2, 5}, 1));
  expect_twin_of<QuantizedConvTranspose2d>(
      ConvTranspose2d(ConvTranspose2dOptions(4, 6, {3, 2}).groups(2).dilation(2)),
      random_data({2, 4, 4, 3}, 1));
  expect_twin_of<QuantizedConvTranspose2d>(
      ConvTranspose2d(ConvTranspose2dOptions(2, 3, 3).bias(false)), random_data({2, 4, 4}, 1));
  expect_twin_of<QuantizedConvTranspose3d>(ConvTranspose3d(ConvTranspose3dOptions(2, 3, 2)),
                                           random_data({1, 2, 3, 2, 3}, 1));
}

TEST(QuantizedConv, TransposedTakesAnOutputSize) {
  const ff::StrictGuard relaxed(false);
  ConvTranspose2d plain(ConvTranspose2dOptions(2, 3, 3).stride({2, 3}).padding(1));
  QuantizedConvTranspose2d twin(*plain);
  const torch::Tensor x = random_data({2, 2, 4, 5}, 1);
  for (const std::vector<int64_t>& size :
       {std::vector<int64_t>{7, 13}, {8, 15}, {7, 14}, {2, 3, 8, 13}}) {
    const at::IntArrayRef wanted(size);
    const torch::Tensor y = twin->forward(x, wanted);
    EXPECT_EQ(y.sizes().slice(2), wanted.slice(wanted.size() - 2));
    EXPECT_TRUE(same(y, plain->forward(x, wanted)));
  }
  torch::nn::Sequential model(twin);
  EXPECT_TRUE(same(model->forward(x), plain->forward(x))) << "the size may be left out";
}

TEST(QuantizedConv, TransposedOutputSizesThatItCannotHave) {
  const ff::StrictGuard relaxed(false);
  QuantizedConvTranspose2d twin(ConvTranspose2dOptions(2, 3, 3).stride({2, 3}).padding(1));
  const torch::Tensor x = random_data({2, 2, 4, 5}, 1);
  EXPECT_ERROR(c10::ValueError,
               "QuantizedConvTranspose2d: conv_transpose2d: output_size [7, 16] asks for 16 "
               "elements on spatial axis 1, but the input [2, 2, 4, 5] gives 13 to 15.",
               twin->forward(x, at::IntArrayRef{7, 16}));
  EXPECT_ERROR(c10::ValueError,
               "output_size [7] has 1 sizes; expected 2 for the spatial axes, or 4",
               twin->forward(x, at::IntArrayRef{7}));
}

TEST(QuantizedConv, TransposedOutputSizeWithDilation) {
  const ff::StrictGuard relaxed(false);
  QuantizedConvTranspose1d twin(ConvTranspose1dOptions(1, 1, 3).stride(2).dilation(2));
  const torch::Tensor x = random_data({1, 1, 4}, 1);
  EXPECT_EQ(twin->forward(x).size(2), 11);
  EXPECT_EQ(twin->forward(x, at::IntArrayRef{12}).size(2), 12);
}

TEST(QuantizedConv, TransposedKnowsZerosOnly) {
  const ff::StrictGuard relaxed(false);
  QuantizedConvTranspose1d twin(ConvTranspose1dOptions(1, 1, 3).padding_mode(torch::kReflect));
  EXPECT_ERROR(c10::NotImplementedError,
               "QuantizedConvTranspose1d: conv_transpose1d: the padding_mode is kReflect; a "
               "transposed convolution knows kZeros only.",
               twin->forward(random_data({1, 1, 4}, 1)));
}

}  // namespace
