#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>
#include <limits>
#include <optional>
#include <vector>

#include "fastforward/quantization/affine.h"
#include "support/expect_error.h"
#include "support/naive.h"
#include "support/tensors.h"

namespace {

using ff::test::floats;
using ff::test::gradient_of;
using ff::test::naive_affine;
using ff::test::random_data;
using ff::test::same;

TEST(AffineGradient, ByHand) {
  // x / 0.5 - 1: 0.6 inside (code 1), 19 above 7, -21 below -8.
  const torch::Tensor data = floats({0.8, 10, -10}).requires_grad_();
  const torch::Tensor scale = floats({0.5}).requires_grad_();
  const torch::Tensor offset = floats({1.2}).requires_grad_();
  (ff::quantize_per_tensor(data, scale, offset, 4).dequantize() * floats({2, 3, 5}))
      .sum()
      .backward();
  EXPECT_TRUE(same(data.grad(), floats({2, 0, 0})));
  // 2 * (1 - 0.6) + 3 * (7 + 1) + 5 * (-8 + 1)
  EXPECT_NEAR(scale.grad().item<float>(), 0.8 + 24 - 35, 1e-6) << "one float32 rounding of 0.6";
  EXPECT_EQ(offset.grad().item<float>(), (3 + 5) * 0.5);
}

TEST(AffineGradient, EqualsTheNaiveLoop) {
  const std::vector<std::pair<ff::Granularity, ff::test::NaiveTiles>> cases = {
      {ff::PerTensor(), {{6, 4, 5}, {6, 4, 5}}},
      {ff::PerChannel(1), {{6, 4, 5}, {6, 1, 5}}},
      {ff::PerChannel({0, 2}), {{6, 4, 5}, {1, 4, 1}}},
      {ff::PerBlock(0, 4, {1}, false), {{6, 4, 5}, {4, 1, 5}}},
      {ff::PerTile({2, 2, 5}), {{6, 4, 5}, {2, 2, 5}}},
  };
  uint64_t seed = 20;
  for (const auto type : {torch::kFloat, torch::kDouble}) {
    for (const auto& [granularity, tiles] : cases) {
      for (const int64_t bits : {1, 4, 16}) {
        SCOPED_TRACE(c10::str(granularity, " ", type, " ", bits, " bits, seed ", ++seed));
        // About a third is clipped.
        const torch::Tensor data =
            (random_data(tiles.shape, seed, type) * std::exp2(bits - 1) * 0.2).requires_grad_();
        const torch::Tensor scale =
            (random_data({tiles.count()}, seed + 1, type).abs() * 0.1 + 0.1).requires_grad_();
        const torch::Tensor offset =
            (random_data({tiles.count()}, seed + 2, type) * 2).requires_grad_();
        const torch::Tensor weight = random_data(tiles.shape, seed + 3, type);
        const torch::Tensor y =
            ff::quantize_per_granularity(data, scale, offset, granularity, bits).dequantize();
        const auto expected = naive_affine(data, scale, offset, tiles, bits, weight);
        EXPECT_TRUE(same(gradient_of(y, data, weight), expected.data_gradient));
        // Sums in double of the same products in another order: equal to a few float64 ulps of the
        // largest term, and then rounded to the type.
        const double tolerance = type == torch::kDouble ? 1e-9 : 1e-5;
        EXPECT_TRUE(torch::allclose(gradient_of(y, scale, weight), expected.scale_gradient,
                                    tolerance, tolerance * std::exp2(bits)));
        EXPECT_TRUE(torch::allclose(gradient_of(y, offset, weight), expected.offset_gradient,
                                    tolerance, tolerance));
        EXPECT_GT(expected.offset_gradient.abs().sum().item<double>(), 0) << "nothing was clipped";
      }
    }
  }
}

TEST(AffineGradient, NanDataGetsNone) {
  const torch::Tensor data = floats({std::numeric_limits<float>::quiet_NaN(), 1}).requires_grad_();
  const torch::Tensor scale = floats({0.5}).requires_grad_();
  ff::quantize_per_tensor(data, scale, {}, 4).dequantize().sum().backward();
  EXPECT_TRUE(same(data.grad(), floats({0, 1})));
  EXPECT_TRUE(same(scale.grad(), floats({0})));
}

TEST(AffineGradient, HasTheTypeAndShapeOfItsTensor) {
  for (const auto type : {torch::kHalf, torch::kBFloat16, torch::kDouble}) {
    const torch::Tensor data = torch::full({2, 3}, 0.7, type).requires_grad_();
    const torch::Tensor scale = torch::full({1, 3, 1}, 0.5F).requires_grad_();
    const torch::Tensor offset = torch::zeros({3}, torch::kDouble).requires_grad_();
    ff::quantize_per_channel(data, scale, offset, 1).dequantize().sum().backward();
    for (const torch::Tensor& tensor : {data, scale, offset}) {
      EXPECT_EQ(tensor.grad().scalar_type(), tensor.scalar_type());
      EXPECT_EQ(tensor.grad().sizes(), tensor.sizes());
    }
    EXPECT_EQ(data.grad().sum().item<double>(), 6);
  }
}

TEST(AffineGradient, OnlyWhatWantsOneGetsOne) {
  const torch::Tensor data = floats({1, 2}), scale = floats({0.5}).requires_grad_();
  ff::quantize_per_tensor(data, scale).dequantize().sum().backward();
  EXPECT_FALSE(data.grad().defined());
  EXPECT_TRUE(scale.grad().defined());
  EXPECT_FALSE(ff::quantize_per_tensor(data, 0.5).dequantize().requires_grad());
}

TEST(AffineGradient, EmptyTensorsWork) {
  const torch::Tensor data = torch::empty({0, 3}).requires_grad_();
  const torch::Tensor scale = torch::ones({3}).requires_grad_();
  ff::quantize_per_channel(data, scale).dequantize().sum().backward();
  EXPECT_EQ(data.grad().sizes(), data.sizes());
  EXPECT_TRUE(same(scale.grad(), torch::zeros({3})));
}

TEST(AffineGradient, FlowsThroughIntermediateTensors) {
  const torch::Tensor weight = floats({1, -2}).requires_grad_();
  const torch::Tensor q = ff::quantize_per_tensor(weight * 2, 0.5, 0.0);
  (q.dequantize() * floats({3, 5})).sum().backward();
  EXPECT_TRUE(same(weight.grad(), floats({6, 10})));
}

TEST(AffineGradient, TrainsScales) {
  // A scale far too small clips nearly all; gradient descent on the error must enlarge it.
  const torch::Tensor data = random_data({1000}, 30);
  torch::Tensor scale = floats({0.01}).requires_grad_();
  torch::optim::Adam optimizer({scale}, torch::optim::AdamOptions(0.01));
  const auto error = [&] {
    return (ff::quantize_per_tensor(data, scale, {}, 4).dequantize() - data).pow(2).mean();
  };
  const float before = error().item<float>();
  for (int step = 0; step < 100; ++step) {
    optimizer.zero_grad();
    error().backward();
    optimizer.step();
  }
  EXPECT_LT(error().item<float>(), before / 10);
}

TEST(AffineGradient, NoSecondDerivative) {
  const torch::Tensor data = floats({0.3, 0.7}).requires_grad_();
  const torch::Tensor scale = floats({0.5}).requires_grad_();
  const torch::Tensor y = ff::quantize_per_tensor(data, scale).dequantize();
  EXPECT_ERROR(c10::NotImplementedError,
               "AffineQuantizationFunction: there is no second derivative of quantization; call "
               "backward() without create_graph.",
               torch::autograd::grad({(y * y).sum()}, {scale}, {}, true, /*create_graph=*/true));
  // Also where the incoming gradient is a constant: dscale depends on the data all the same.
  EXPECT_ERROR(c10::NotImplementedError, "there is no second derivative of quantization",
               torch::autograd::grad({y.sum()}, {scale}, {}, true, /*create_graph=*/true));
}

}  // namespace
