#include "fastforward/nn/quantized_normalization.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <sstream>

#include "nn/layer_checks.h"
#include "support/expect_error.h"

namespace {

using ff::test::expect_twin;
using ff::test::expect_twin_of;
using ff::test::random_data;
using ff::test::same;
using torch::nn::BatchNorm1d;
using torch::nn::BatchNorm2d;
using torch::nn::BatchNormOptions;
using torch::nn::GroupNorm;
using torch::nn::GroupNormOptions;
using torch::nn::LayerNorm;
using torch::nn::LayerNormOptions;

// Weight and bias that are not ones and zeros.
template <typename Layer>
Layer randomized(Layer layer) {
  const torch::NoGradGuard no_grad;
  int seed = 5;
  for (torch::Tensor& parameter : layer->parameters())
    parameter.copy_(random_data(parameter.sizes(), seed++));
  return layer;
}

TEST(QuantizedNormalization, LayerNorm) {
  const torch::Tensor x = random_data({4, 3, 5}, 1);
  expect_twin_of<ff::nn::QuantizedLayerNorm>(randomized(LayerNorm(LayerNormOptions({5}))), x);
  expect_twin_of<ff::nn::QuantizedLayerNorm>(
      randomized(LayerNorm(LayerNormOptions({3, 5}).eps(0.1))), x);
  expect_twin_of<ff::nn::QuantizedLayerNorm>(
      LayerNorm(LayerNormOptions({5}).elementwise_affine(false)), x);
}

TEST(QuantizedNormalization, GroupNorm) {
  const torch::Tensor x = random_data({4, 6, 3, 2}, 1);
  expect_twin_of<ff::nn::QuantizedGroupNorm>(randomized(GroupNorm(GroupNormOptions(3, 6))), x);
  expect_twin_of<ff::nn::QuantizedGroupNorm>(GroupNorm(GroupNormOptions(2, 6).affine(false)), x);
}

TEST(QuantizedNormalization, BatchNorm) {
  expect_twin_of<ff::nn::QuantizedBatchNorm1d>(randomized(BatchNorm1d(3)), random_data({8, 3}, 1));
  expect_twin_of<ff::nn::QuantizedBatchNorm1d>(
      randomized(BatchNorm1d(BatchNormOptions(3).momentum(std::nullopt))),
      random_data({4, 3, 5}, 1));
  expect_twin_of<ff::nn::QuantizedBatchNorm2d>(randomized(BatchNorm2d(3)),
                                               random_data({4, 3, 5, 2}, 1));
  expect_twin_of<ff::nn::QuantizedBatchNorm2d>(
      BatchNorm2d(BatchNormOptions(3).affine(false).track_running_stats(false)),
      random_data({4, 3, 5, 2}, 1));
  BatchNorm2d trained = randomized(BatchNorm2d(3));
  trained->forward(random_data({4, 3, 5, 2}, 2));
  trained->eval();
  expect_twin_of<ff::nn::QuantizedBatchNorm2d>(trained, random_data({4, 3, 5, 2}, 1));
}

TEST(QuantizedNormalization, BatchNormCountsAndAverages) {
  const ff::StrictGuard relaxed(false);
  for (const std::optional<double> momentum : {std::optional(0.1), std::optional<double>()}) {
    BatchNorm1d plain(BatchNormOptions(3).momentum(momentum));
    ff::nn::QuantizedBatchNorm1d twin(*ff::test::copy_of(*plain));
    for (int batch = 0; batch < 3; ++batch) {
      const torch::Tensor x = random_data({8, 3}, batch) + batch;
      EXPECT_TRUE(same(twin->forward(x), plain->forward(x)));
    }
    EXPECT_EQ(twin->num_batches_tracked.item<int64_t>(), 3);
    EXPECT_TRUE(same(twin->running_mean, plain->running_mean));
    EXPECT_TRUE(same(twin->running_var, plain->running_var));
    plain->eval();
    twin->eval();
    const torch::Tensor x = random_data({8, 3}, 9);
    EXPECT_TRUE(same(twin->forward(x), plain->forward(x)));
    EXPECT_EQ(twin->num_batches_tracked.item<int64_t>(), 3);
  }
  EXPECT_ERROR(c10::Error, "QuantizedBatchNorm2d: expected 4D input",
               ff::nn::QuantizedBatchNorm2d(3)->forward(random_data({8, 3}, 1)));
}

TEST(QuantizedNormalization, RMSNorm) {
  const torch::Tensor x = random_data({4, 3, 5}, 1);
  // Its plain layer is ours, so it is compared with the operator and with the formula first.
  ff::nn::QuantizedRMSNorm norm(ff::nn::RMSNormOptions({5}).eps(0.01));
  {
    const torch::NoGradGuard no_grad;
    norm->weight.copy_(random_data({5}, 3));
  }
  const ff::StrictGuard relaxed(false);
  EXPECT_TRUE(same(norm->forward(x), torch::rms_norm(x, {5}, norm->weight, 0.01)));
  const torch::Tensor formula =
      x / (x.square().mean(-1, /*keepdim=*/true) + 0.01).sqrt() * norm->weight;
  EXPECT_TRUE(torch::allclose(norm->forward(x), formula));  // Another order of operations.
  EXPECT_EQ(norm->named_parameters().keys(), (std::vector<std::string>{"weight"}));

  ff::test::calibrated(norm.ptr(), x);
  const torch::Tensor q = norm->input_quantizer()->forward(x).dequantize();
  const torch::Tensor w = norm->weight_quantizer()->forward(norm->weight).dequantize();
  EXPECT_TRUE(
      same(norm->forward(x).dequantize(),
           norm->output_quantizer()->forward(torch::rms_norm(q, {5}, w, 0.01)).dequantize()));
  const auto copy = ff::test::copy_of(*norm);
  EXPECT_TRUE(same(copy->forward(x).dequantize(), norm->forward(x).dequantize()));

  ff::nn::QuantizedRMSNorm bare(ff::nn::RMSNormOptions({3, 5}).elementwise_affine(false));
  EXPECT_FALSE(bare->has_quantizer("weight_quantizer"));
  EXPECT_TRUE(same(bare->forward(x), torch::rms_norm(x, {3, 5})));
  EXPECT_TRUE(same(ff::test::copy_of(*bare)->forward(x), bare->forward(x)));
  std::ostringstream stream;
  bare->pretty_print(stream);
  EXPECT_EQ(stream.str(), "ff::nn::QuantizedRMSNorm([3, 5], eps=None, elementwise_affine=false)");
}

}  // namespace
