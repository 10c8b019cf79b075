#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <string>
#include <vector>

#include "fastforward/dispatch/operators.h"
#include "fastforward/dispatch/strict.h"
#include "fastforward/quantization/affine.h"
#include "fastforward/quantization/function.h"
#include "fastforward/quantization/ste.h"
#include "support/expect_error.h"
#include "support/tensors.h"

namespace {

using ff::test::floats;
using ff::test::gradient_of;
using ff::test::random_data;
using ff::test::same;

TEST(Cat, OfEqualParametersStaysQuantized) {
  const torch::Tensor a = ff::quantize_per_tensor(random_data({2, 3}, 1), 0.1);
  const torch::Tensor b = ff::quantize_per_tensor(random_data({4, 3}, 2), 0.1);
  for (const torch::Tensor& joined :
       {torch::cat({a, b}), torch::concat({a, b}), torch::cat({a, b}, -2)}) {
    ASSERT_TRUE(ff::is_quantized(joined));
    EXPECT_EQ(ff::codes(joined).scalar_type(), torch::kChar);
    EXPECT_TRUE(same(joined.dequantize(), torch::cat({a.dequantize(), b.dequantize()})));
  }
  EXPECT_TRUE(same(torch::cat({a}).dequantize(), a.dequantize()));
}

TEST(Cat, OfChannelsAlongAnotherAxis) {
  const torch::Tensor scale = floats({0.1, 0.2, 0.3});
  const torch::Tensor a = ff::quantize_per_channel(random_data({2, 3}, 1), scale);
  const torch::Tensor b = ff::quantize_per_channel(random_data({4, 3}, 2), scale.clone());
  const torch::Tensor joined = torch::cat({a, b}, 0);
  ASSERT_TRUE(ff::is_quantized(joined));
  EXPECT_TRUE(same(joined.dequantize(), torch::cat({a.dequantize(), b.dequantize()})));
  EXPECT_ERROR(c10::NotImplementedError,
               "not 'cat of equal parameters': the parameters vary along axis 1",
               torch::cat({a, a}, 1));
}

TEST(Cat, GradientsGoToEachPart) {
  const torch::Tensor x = random_data({2, 3}, 1).requires_grad_(),
                      y = random_data({4, 3}, 2).requires_grad_(),
                      scale = floats({0.1}).requires_grad_();
  const torch::Tensor a = ff::quantize_per_tensor(x, scale, {}, 4),
                      b = ff::quantize_per_tensor(y, scale, {}, 4),
                      fixed =
                          ff::quantize_per_tensor(random_data({1, 3}, 3), scale.detach(), {}, 4);
  const torch::Tensor joined = torch::cat({a, fixed, b}).dequantize();
  const torch::Tensor expected = torch::cat({a.dequantize(), fixed.dequantize(), b.dequantize()});
  const torch::Tensor weight = random_data({7, 3}, 4);
  for (const torch::Tensor& input : {x, y, scale}) {
    EXPECT_TRUE(same(gradient_of(joined, input, weight), gradient_of(expected, input, weight)));
  }
}

TEST(Cat, RefusalsSayWhy) {
  const torch::Tensor a = ff::quantize_per_tensor(torch::ones({2, 3}), 0.5);
  const auto cat = [&](const torch::Tensor& other) { return torch::cat({a, other}); };
  EXPECT_ERROR(c10::NotImplementedError, "not all of its tensors are quantized",
               cat(torch::ones({2, 3})));
  EXPECT_ERROR(c10::NotImplementedError, "not all of its tensors are quantized",
               torch::cat({torch::ones({2, 3}), a}));
  EXPECT_ERROR(c10::NotImplementedError,
               "its tensors have different parameters: AffineQuantizationFunction(scale=0.5",
               cat(ff::quantize_per_tensor(torch::ones({2, 3}), 0.25)));
  EXPECT_ERROR(c10::NotImplementedError, "its tensors have different parameters",
               cat(ff::quantize_per_tensor(torch::ones({2, 3}), 0.5, {}, 4)));
  EXPECT_ERROR(c10::NotImplementedError, "its tensors have values of different types",
               cat(ff::quantize_per_tensor(torch::ones({2, 3}, torch::kDouble), 0.5)));
  EXPECT_ERROR(c10::NotImplementedError, "its tensors have different numbers of axes",
               cat(ff::quantize_per_tensor(torch::ones({3}), 0.5)));
  EXPECT_ERROR(c10::Error, "Sizes of tensors must match",
               cat(ff::quantize_per_tensor(torch::ones({2, 4}), 0.5)));
}

TEST(Cat, WhatIsRefusedWorksRelaxed) {
  const ff::StrictGuard relaxed(false);
  const torch::Tensor a = ff::quantize_per_tensor(floats({1}), 0.5),
                      b = ff::quantize_per_tensor(floats({2}), 0.25);
  EXPECT_TRUE(same(torch::cat({a, floats({7}), b}), floats({1, 7, 2})));
}

TEST(Cat, StackAddsAnAxis) {
  const torch::Tensor x = random_data({2, 3}, 1).requires_grad_();
  const torch::Tensor a = ff::quantize_per_tensor(x, 0.1, 0.0);
  const torch::Tensor b = ff::quantize_per_tensor(random_data({2, 3}, 2), 0.1, 0.0);
  for (const int64_t axis : {0, 1, 2, -1}) {
    const torch::Tensor got = torch::stack({a, b}, axis);
    ASSERT_TRUE(ff::is_quantized(got));
    const torch::Tensor expected = torch::stack({a.dequantize(), b.dequantize()}, axis);
    EXPECT_TRUE(same(got.dequantize(), expected));
    const torch::Tensor weight = random_data(expected.sizes(), 3);
    EXPECT_TRUE(same(gradient_of(got.dequantize(), x, weight), gradient_of(expected, x, weight)));
  }
  EXPECT_ERROR(c10::NotImplementedError, "its tensors have different parameters",
               torch::stack({a, ff::quantize_per_tensor(torch::ones({2, 3}), 0.5)}));
}

TEST(Cat, OfEmptyTensors) {
  const torch::Tensor none = ff::quantize_per_tensor(torch::ones({0, 3}), 0.5);
  const torch::Tensor some = ff::quantize_per_tensor(torch::ones({2, 3}), 0.5);
  EXPECT_TRUE(same(torch::cat({none, some}).dequantize(), torch::ones({2, 3})));
  EXPECT_EQ(torch::cat({none, none}).sizes(), at::IntArrayRef({0, 3}));
}

// Its codes and its scale carry the graph, there is no gradient carrier.
struct Scaled : ff::QuantizationFunction<Scaled> {
  static constexpr bool kElementwise = true;
  static torch::Tensor quantize(const torch::Tensor& data, const torch::Tensor& scale) {
    return ff::round_ste(data / scale);
  }
  static torch::Tensor dequantize(const torch::Tensor& codes, const torch::Tensor& scale) {
    return codes * scale;
  }
  static std::vector<std::string> argument_names() {
    return {"scale"};
  }
};

TEST(Cat, GradientsOfAUsersFunctionWithOneScale) {
  const torch::Tensor scale = floats({0.5}).requires_grad_(), x = random_data({2, 3}, 1),
                      y = random_data({4, 3}, 2);
  const torch::Tensor a = Scaled::apply(x, scale), b = Scaled::apply(y, scale);
  const torch::Tensor got = torch::cat({a, b}).dequantize(),
                      expected = torch::cat({a.dequantize(), b.dequantize()});
  const torch::Tensor weight = random_data({6, 3}, 3);
  // The float32 sums of the gradients of 18 elements are ordered in another way.
  EXPECT_TRUE(torch::allclose(gradient_of(got, scale, weight), gradient_of(expected, scale, weight),
                              1e-5, 1e-5));
}

TEST(Cat, EqualScalesThatAreTrainedApartAreRefused) {
  const torch::Tensor x = random_data({2, 3}, 1), first = floats({0.5}).requires_grad_(),
                      second = floats({0.5}).requires_grad_();
  const torch::Tensor a = Scaled::apply(x, first), b = Scaled::apply(x, second),
                      fixed = Scaled::apply(x, floats({0.5}));
  const std::string reason =
      ": its tensors have separate tensors 'scale' of equal values, and gradients of one of them "
      "are wanted; bind both functions to the same tensor, or detach() them";
  EXPECT_ERROR(c10::NotImplementedError, "not 'cat of equal parameters'" + reason,
               torch::cat({a, b}));
  EXPECT_ERROR(c10::NotImplementedError, reason, torch::cat({a, fixed}));
  EXPECT_ERROR(c10::NotImplementedError, reason, torch::cat({fixed, a}));
  EXPECT_ERROR(c10::NotImplementedError, "not 'stack of equal parameters'" + reason,
               torch::stack({a, b}));
  EXPECT_TRUE(ff::is_quantized(torch::cat({a.detach(), b.detach(), fixed})));
}

TEST(Cat, EqualScalesThatAreTrainedApartJoinOutsideOfTheGraph) {
  const torch::NoGradGuard no_grad;
  const torch::Tensor x = random_data({2, 3}, 1);
  const torch::Tensor a = Scaled::apply(x, floats({0.5}).requires_grad_()),
                      b = Scaled::apply(x, floats({0.5}).requires_grad_());
  const torch::Tensor joined = torch::cat({a, b}), stacked = torch::stack({a, b});
  EXPECT_TRUE(same(joined.dequantize(), torch::cat({a.dequantize(), b.dequantize()})));
  EXPECT_TRUE(same(stacked.dequantize(), torch::stack({a.dequantize(), b.dequantize()})));
  const torch::AutoGradMode grad(true);
  EXPECT_FALSE(joined.dequantize().requires_grad()) << "neither scale may get the other's gradient";
  EXPECT_FALSE(stacked.dequantize().requires_grad());
}

namespace a {
struct F : ff::QuantizationFunction<F> {
  static constexpr bool kElementwise = true;
  static torch::Tensor quantize(const torch::Tensor& data) {
    return data;
  }
  static torch::Tensor dequantize(const torch::Tensor& codes) {
    return codes;
  }
};
}  // namespace a
namespace b {
struct F : ff::QuantizationFunction<F> {
  static constexpr bool kElementwise = true;
  static torch::Tensor quantize(const torch::Tensor& data) {
    return -data;
  }
  static torch::Tensor dequantize(const torch::Tensor& codes) {
    return -codes;
  }
};
}  // namespace b

TEST(Cat, FunctionsOfOneNameInTwoNamespacesAreNotEqual) {
  EXPECT_ERROR(c10::NotImplementedError, "its tensors have different parameters",
               torch::cat({a::F::apply(floats({1})), b::F::apply(floats({1}))}));
}

TEST(Cat, StackRefusesWhatTheFunctionRefuses) {
  struct NoStructure : ff::QuantizationFunction<NoStructure> {
    static torch::Tensor quantize(const torch::Tensor& data) {
      return data;
    }
    static torch::Tensor dequantize(const torch::Tensor& codes) {
      return codes;
    }
  };
  const torch::Tensor q = NoStructure::apply(floats({1, 2}));
  const std::string reason = "NoStructure does not say how its parameters follow a change";
  EXPECT_ERROR(c10::NotImplementedError, "strict quantization: aten::stack has no",
               torch::stack({q, q}));
  EXPECT_ERROR(c10::NotImplementedError, "not 'stack of equal parameters': " + reason,
               torch::stack({q, q}));
  const std::vector<c10::IValue> arguments = {c10::List<at::Tensor>({q, q}), int64_t{0}};
  const auto refusals = ff::dispatch::why_not("aten::stack", arguments);
  ASSERT_EQ(refusals.size(), 1U);
  EXPECT_NE(refusals[0].reason.find(reason), std::string::npos);
}

}  // namespace
