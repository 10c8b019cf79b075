#include "fastforward/quantization/fake_quantize.h"

#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <limits>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "fastforward/quantization/affine.h"
#include "support/expect_error.h"
#include "support/tensors.h"

namespace {

using ff::test::floats;
using ff::test::gradient_of;
using ff::test::random_data;
using ff::test::same;

struct Case {
  torch::Tensor data, scale;
  std::optional<torch::Tensor> offset;
  ff::Granularity granularity;
  int64_t num_bits;
};

std::vector<Case> cases() {
  std::vector<Case> list;
  uint64_t seed = 0;
  for (const auto type : {torch::kFloat, torch::kDouble, torch::kBFloat16, torch::kHalf}) {
    for (const ff::Granularity& granularity :
         {ff::Granularity(ff::PerTensor()), ff::Granularity(ff::PerChannel(0)),
          ff::Granularity(ff::PerChannel(1)), ff::Granularity(ff::PerBlock(1, 5, {0}, false)),
          ff::Granularity(ff::PerTile({3, 12}))}) {
      for (const int64_t bits : {2, 8, 12}) {
        const torch::Tensor data = random_data({9, 36}, ++seed, type) * (bits == 2 ? 1 : 4);
        const int64_t tiles = granularity.parameter_dimensionality(data.sizes());
        const torch::Tensor scale = random_data({tiles}, seed + 50).abs() * 0.1 + 0.02;
        list.push_back({data, scale, std::nullopt, granularity, bits});
        list.push_back({data, scale, random_data({tiles}, seed + 90) * 3, granularity, bits});
      }
    }
  }
  return list;
}

torch::Tensor quantized(const Case& c) {
  return ff::quantize_per_granularity(c.data, c.scale, c.offset, c.granularity, c.num_bits);
}

TEST(FakeQuantize, EqualsDequantizeOfQuantize) {
  for (const Case& c : cases()) {
    SCOPED_TRACE(c10::str(c.granularity, " ", c.data.dtype(), " ", c.num_bits, " bits"));
    const torch::Tensor expected = quantized(c).dequantize();
    EXPECT_TRUE(
        same(ff::fake_quantize(c.data, c.scale, c.offset, c.granularity, c.num_bits), expected));
    torch::Tensor out = torch::empty_like(c.data);
    torch::Tensor& returned =
        ff::fake_quantize_out(out, c.data, c.scale, c.offset, c.granularity, c.num_bits);
    EXPECT_TRUE(returned.is_same(out));
    EXPECT_TRUE(same(out, expected));
    torch::Tensor in_place = c.data.clone();
    ff::fake_quantize_out(in_place, in_place, c.scale, c.offset, c.granularity, c.num_bits);
    EXPECT_TRUE(same(in_place, expected));
  }
}

TEST(FakeQuantize, GradientsEqualThoseOfDequantizeOfQuantize) {
  for (Case c : cases()) {
    SCOPED_TRACE(c10::str(c.granularity, " ", c.data.dtype(), " ", c.num_bits, " bits"));
    c.data.requires_grad_();
    c.scale.requires_grad_();
    if (c.offset)
      c.offset->requires_grad_();
    const torch::Tensor weight = random_data(c.data.sizes(), 5, c.data.scalar_type());
    const torch::Tensor expected = quantized(c).dequantize();
    const torch::Tensor got =
        ff::fake_quantize(c.data, c.scale, c.offset, c.granularity, c.num_bits);
    torch::Tensor data_gradient = torch::empty_like(c.data, c.data.options().requires_grad(false));
    const ff::ParameterGradients gradients = ff::fake_quantize_backward_out(
        data_gradient, weight, c.data, c.scale, c.offset, c.granularity, c.num_bits);
    const auto check = [&](const torch::Tensor& input, const torch::Tensor& direct) {
      const torch::Tensor by_codes = gradient_of(expected, input, weight);
      EXPECT_TRUE(same(gradient_of(got, input, weight), by_codes));
      EXPECT_TRUE(same(direct, by_codes));
    };
    check(c.data, data_gradient);
    check(c.scale, gradients.scale);
    EXPECT_EQ(gradients.offset.defined(), c.offset.has_value());
    if (c.offset)
      check(*c.offset, gradients.offset);
  }
}

TEST(FakeQuantize, ByHand) {
  const torch::Tensor data =
      floats({0.6F, -0.3F, 100, -100, std::numeric_limits<float>::quiet_NaN()});
  const torch::Tensor values = ff::fake_quantize(data, floats({0.5}), floats({1.2F}), {}, 4);
  EXPECT_TRUE(same(values, floats({0.5, -0.5, 4, -3.5, 0})));
}

TEST(FakeQuantize, ZerosHaveTheSignOfIntegers) {
  const torch::Tensor values = ff::fake_quantize(floats({-0.1F, -0.0F}), floats({1}));
  EXPECT_FALSE(values.signbit().any().item<bool>());
}

TEST(FakeQuantize, APartOfATensorKeepsItsOrderOfAxes) {
  const torch::Tensor whole =
      ff::test::random_data({2, 6, 4, 4}, 1).contiguous(torch::MemoryFormat::ChannelsLast);
  const torch::Tensor part = whole.slice(1, 1, 4);
  const torch::Tensor values = ff::fake_quantize(part, ff::test::floats({0.1}));
  EXPECT_TRUE(values.is_contiguous(torch::MemoryFormat::ChannelsLast));
  EXPECT_TRUE(
      ff::test::same(values, ff::fake_quantize(part.contiguous(), ff::test::floats({0.1}))));
}

TEST(FakeQuantize, EmptyAndZeroDimensional) {
  EXPECT_TRUE(same(ff::fake_quantize(torch::empty({0, 3}), floats({1})), torch::empty({0, 3})));
  EXPECT_TRUE(same(ff::fake_quantize(torch::tensor(1.4F), floats({1})), torch::tensor(1.0F)));
}

TEST(FakeQuantize, LargeResultsGoPastTheCaches) {
  // More than the 32 MiB from which stores are streamed, and a length that ends within a line.
  const torch::Tensor data = random_data({(9 << 20) + 5}, 3);
  const torch::Tensor scale = floats({0.03F});
  const torch::Tensor expected = (data / scale).round().clamp(-128, 127) * scale;
  EXPECT_TRUE(same(ff::fake_quantize(data, scale), expected));
}

TEST(FakeQuantize, RefusesWhatDoesNotFit) {
  const torch::Tensor data = torch::ones({2, 3}), scale = floats({1});
  torch::Tensor out = torch::empty({3, 2});
  EXPECT_ERROR(c10::ValueError,
               "fake_quantize_out: out has type Float, shape [3, 2] and is on cpu; expected Float, "
               "[2, 3] on cpu.",
               ff::fake_quantize_out(out, data, scale));
  torch::Tensor other = torch::empty({2, 3}, torch::kDouble);
  EXPECT_ERROR(c10::ValueError, "fake_quantize_out: out has type Double",
               ff::fake_quantize_out(other, data, scale));
  torch::Tensor wants = torch::empty({2, 3}, torch::requires_grad());
  EXPECT_ERROR(c10::ValueError, "fake_quantize_out: out requires a gradient",
               ff::fake_quantize_out(wants, data, scale));
  torch::Tensor none;
  EXPECT_ERROR(c10::ValueError,
               "fake_quantize_out: out must be a plain tensor, got an undefined one",
               ff::fake_quantize_out(none, data, scale));
  torch::Tensor good = torch::empty({2, 3});
  EXPECT_ERROR(c10::ValueError, "fake_quantize_backward_out: gradient has type Double",
               ff::fake_quantize_backward_out(good, other, data, scale));
  EXPECT_ERROR(c10::ValueError, "fake_quantize: scale[0] is 0",
               ff::fake_quantize(data, floats({0})));
  EXPECT_ERROR(c10::ValueError, "fake_quantize: num_bits is 17",
               ff::fake_quantize(data, scale, std::nullopt, {}, 17));
}

TEST(FakeQuantize, OutputsHaveNoGradient) {
  const torch::Tensor data = torch::ones({2, 3}), scale = floats({1});
  const torch::Tensor learned = floats({1}).requires_grad_();
  torch::Tensor out = torch::empty({2, 3});
  EXPECT_ERROR(c10::ValueError,
               "fake_quantize_out: data, scale or offset requires a gradient, which this function "
               "does not give; use fake_quantize, or a torch::NoGradGuard.",
               ff::fake_quantize_out(out, data, learned));
  const torch::NoGradGuard no_grad;
  EXPECT_TRUE(same(ff::fake_quantize_out(out, data, learned), data));
}

TEST(FakeQuantize, BackwardTakesAnyGradient) {
  const torch::Tensor data = random_data({4, 6}, 1), scale = floats({0.1F});
  const torch::Tensor expanded = torch::ones({1}).expand({4, 6});
  const auto gradients = [&](const torch::Tensor& gradient, torch::Tensor out) {
    const ff::ParameterGradients parameters =
        ff::fake_quantize_backward_out(out, gradient, data, scale);
    return std::make_pair(out, parameters.scale);
  };
  const auto expected = gradients(expanded.contiguous(), torch::empty_like(data));
  for (const torch::Tensor& gradient :
       {expanded, torch::ones({4, 6}, torch::requires_grad()), torch::ones({6, 4}).t()}) {
    const auto got = gradients(gradient, torch::empty_like(data));
    EXPECT_TRUE(same(got.first, expected.first));
    EXPECT_TRUE(same(got.second, expected.second));
  }
  const torch::Tensor in_place = expanded.contiguous();
  EXPECT_TRUE(same(gradients(in_place, in_place).first, expected.first));
}

TEST(FakeQuantize, OverlappingOutputsAreRefused) {
  const torch::Tensor memory = torch::ones({7});
  torch::Tensor out = memory.slice(0, 0, 6);
  EXPECT_ERROR(c10::ValueError, "fake_quantize_out: out overlaps the data",
               ff::fake_quantize_out(out, memory.slice(0, 1, 7), floats({1})));
  torch::Tensor expanded = torch::empty({1}).expand({6});
  EXPECT_ERROR(c10::ValueError, "fake_quantize_out: elements of out share memory",
               ff::fake_quantize_out(expanded, memory.slice(0, 1, 7), floats({1})));
  EXPECT_ERROR(
      c10::ValueError,
      "fake_quantize_backward_out: data_gradient overlaps the gradient; give the gradient itself",
      ff::fake_quantize_backward_out(out, memory.slice(0, 1, 7), torch::ones({6}), floats({1})));
}

}  // namespace
