#include "fastforward/quantization/ste.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include "support/expect_error.h"
#include "support/tensors.h"

namespace {

using ff::test::floats;
using ff::test::same;

TEST(Ste, RoundsHalvesToEven) {
  EXPECT_TRUE(same(ff::round_ste(floats({0.5, 1.5, -0.5, -1.5, 2.4})), floats({0, 2, 0, -2, 2})));
}

TEST(Ste, GradientOfRoundPasses) {
  const torch::Tensor x = floats({0.5, 1.7}).requires_grad_();
  (ff::round_ste(x) * floats({3, 5})).sum().backward();
  EXPECT_TRUE(same(x.grad(), floats({3, 5})));
}

TEST(Ste, GradientOfAnyFunctionPasses) {
  const auto step = ff::ste([](const torch::Tensor& x) { return x.floor() * 10; });
  const torch::Tensor x = floats({0.5, 1.7}).requires_grad_();
  const torch::Tensor y = step(x);
  EXPECT_TRUE(same(y, floats({0, 10})));
  (y * floats({3, 5})).sum().backward();
  EXPECT_TRUE(same(x.grad(), floats({3, 5})));
}

TEST(Ste, TheFunctionMayGiveItsArgumentBack) {
  const auto identity = ff::ste([](const torch::Tensor& x) { return x; });
  const torch::Tensor x = floats({2}).requires_grad_();
  identity(x).backward();
  EXPECT_TRUE(same(x.grad(), floats({1})));
}

TEST(Ste, KeepsTypeAndShape) {
  for (const auto type : {torch::kDouble, torch::kHalf, torch::kBFloat16}) {
    const torch::Tensor y = ff::round_ste(torch::full({2, 0, 3}, 0.7, type));
    EXPECT_EQ(y.scalar_type(), type);
    EXPECT_EQ(y.sizes(), at::IntArrayRef({2, 0, 3}));
  }
  EXPECT_EQ(ff::round_ste(torch::tensor(1.4F)).item<float>(), 1) << "zero-dimensional";
}

TEST(Ste, ChangedShapeIsAnError) {
  const auto sum = ff::ste([](const torch::Tensor& x) { return x.sum(); });
  EXPECT_ERROR(c10::ValueError,
               "ff::ste: the function changed the shape [2] into []; a straight-through function "
               "must keep it.",
               sum(floats({1, 2})));
}

}  // namespace
