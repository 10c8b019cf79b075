#include <gtest/gtest.h>
#include <torch/torch.h>

#include <sstream>
#include <vector>

#include "fastforward/dispatch/strict.h"
#include "fastforward/quantization/affine.h"
#include "support/expect_error.h"
#include "support/tensors.h"

namespace {

using ff::test::floats;
using ff::test::random_data;
using ff::test::same;

struct Example {
  torch::Tensor data = random_data({2, 3, 4, 5}, 1).requires_grad_();
  torch::Tensor scale = torch::full({3}, 0.1F).requires_grad_();
  torch::Tensor q = ff::quantize_per_channel(data, scale, {}, 1);
};

// Expects that `result` is quantized and has the values and gradients of `q`.
void expect_same_tensor(const torch::Tensor& result, const Example& example) {
  ASSERT_TRUE(ff::is_quantized(result));
  EXPECT_TRUE(same(ff::codes(result), ff::codes(example.q)));
  EXPECT_TRUE(same(result.dequantize(), example.q.dequantize()));
  const torch::Tensor weight = random_data(example.data.sizes(), 2);
  EXPECT_TRUE(same(ff::test::gradient_of(result.dequantize(), example.data, weight),
                   ff::test::gradient_of(example.q.dequantize(), example.data, weight)));
}

TEST(Conversions, DetachEndsTheGraph) {
  const Example example;
  const torch::Tensor detached = example.q.detach();
  EXPECT_TRUE(ff::is_quantized(detached));
  EXPECT_FALSE(detached.dequantize().requires_grad());
  EXPECT_TRUE(same(detached.dequantize(), example.q.dequantize()));
  EXPECT_TRUE(example.q.dequantize().requires_grad());
}

TEST(Conversions, CloneAliasAndContiguousStayQuantized) {
  const Example example;
  expect_same_tensor(example.q.clone(), example);
  expect_same_tensor(example.q.alias(), example);
  expect_same_tensor(example.q.contiguous(), example);
  const torch::Tensor last = example.q.contiguous(torch::MemoryFormat::ChannelsLast);
  expect_same_tensor(last, example);
  EXPECT_TRUE(ff::codes(last).is_contiguous(torch::MemoryFormat::ChannelsLast));
  EXPECT_TRUE(last.is_contiguous(torch::MemoryFormat::ChannelsLast));
}

TEST(Conversions, ToTheSameIsTheSame) {
  const Example example;
  EXPECT_TRUE(example.q.to(torch::kFloat).is_same(example.q));
  EXPECT_TRUE(example.q.to(torch::kCPU).is_same(example.q));
  EXPECT_TRUE(example.q.cpu().is_same(example.q));
  const torch::Tensor copy =
      example.q.to(example.q.options(), /*non_blocking=*/false, /*copy=*/true);
  EXPECT_FALSE(copy.is_same(example.q));
  expect_same_tensor(copy, example);
  expect_same_tensor(example.q.to(example.q.options()), example);
  expect_same_tensor(example.q.to(torch::ones({1})), example);
}

TEST(Conversions, ToDeviceAndTypeIsPlain) {
  const Example example;
  const torch::Tensor plain = example.q.to(torch::kCPU, torch::kFloat);
  EXPECT_FALSE(ff::is_quantized(plain));
  EXPECT_TRUE(same(plain, example.q.dequantize()));
}

TEST(Conversions, PrintingWorksForEveryType) {
  for (const auto type : {torch::kFloat, torch::kDouble, torch::kBFloat16, torch::kHalf}) {
    std::ostringstream ours, theirs;
    const torch::Tensor q = ff::quantize_per_tensor(floats({0.5F, -1}).to(type), 0.5);
    ours << q;
    theirs << q.dequantize();
    EXPECT_EQ(ours.str(), theirs.str());
  }
}

TEST(Conversions, ToAnotherDeviceMovesCodesAndParameters) {
  const Example example;
  const torch::Tensor moved = example.q.to(torch::kMeta);
  ASSERT_TRUE(ff::is_quantized(moved));
  EXPECT_TRUE(moved.is_meta());
  EXPECT_TRUE(ff::codes(moved).is_meta());
  EXPECT_TRUE(ff::bound_function(moved).argument("scale").toTensor().is_meta());
  EXPECT_EQ(moved.dequantize().sizes(), example.data.sizes());
}

TEST(Conversions, ToAnotherTypeGivesUpTheCodes) {
  const Example example;
  for (const auto type : {torch::kDouble, torch::kHalf, torch::kInt}) {
    const torch::Tensor converted = example.q.to(type);
    EXPECT_FALSE(ff::is_quantized(converted));
    EXPECT_TRUE(same(converted, example.q.dequantize().to(type)));
  }
  EXPECT_TRUE(same(example.q.to(torch::ones({1}, torch::kDouble)),
                   example.q.dequantize().to(torch::kDouble)));
  const torch::Tensor weight = random_data(example.data.sizes(), 2, torch::kDouble);
  EXPECT_TRUE(
      same(ff::test::gradient_of(example.q.to(torch::kDouble), example.data, weight),
           ff::test::gradient_of(example.q.dequantize(), example.data, weight.to(torch::kFloat))));
}

TEST(Conversions, DequantizeOfAList) {
  const Example example;
  const std::vector<torch::Tensor> values =
      torch::dequantize(std::vector<torch::Tensor>{example.q, example.q.detach()});
  ASSERT_EQ(values.size(), 2U);
  EXPECT_TRUE(same(values[0], example.q.dequantize()));
  EXPECT_TRUE(same(values[1], example.q.dequantize()));
}

TEST(Conversions, SizesAreOperatorsToo) {
  const Example example;
  const torch::Tensor q = example.q;
  EXPECT_EQ(torch::size(q, 1), 3);
  EXPECT_EQ(torch::stride(q, 3), 1);
  EXPECT_TRUE(torch::is_floating_point(q));
  EXPECT_FALSE(torch::is_complex(q));
  EXPECT_EQ(torch::numel(q), 120);
}

TEST(Conversions, AreThereInRelaxedModeToo) {
  const ff::StrictGuard relaxed(false);
  const Example example;
  expect_same_tensor(example.q.clone(), example);
  EXPECT_TRUE(ff::is_quantized(example.q.detach()));
}

TEST(Conversions, ACopyHasParametersOfItsOwn) {
  const torch::Tensor scale = floats({0.5});
  const torch::Tensor q = ff::quantize_per_tensor(floats({1, 2}), scale);
  const torch::Tensor copy = q.to(q.options(), /*non_blocking=*/false, /*copy=*/true),
                      other = torch::_to_copy(q), clone = q.clone();
  scale.fill_(2);
  EXPECT_TRUE(same(q.dequantize(), floats({4, 8})));
  for (const torch::Tensor& tensor : {copy, other, clone})
    EXPECT_TRUE(same(tensor.dequantize(), floats({1, 2})));
}

TEST(Conversions, SavingSaysWhatToSave) {
  const Example example;
  std::ostringstream stream;
  EXPECT_ERROR(c10::Error,
               "a quantized tensor, which has no memory of its values: use ff::codes() and the "
               "arguments of its ff::bound_function(), or dequantize() it first",
               torch::save(example.q.detach(), stream));
}

TEST(Conversions, ModulesWithAQuantizedBuffer) {
  torch::nn::Module module;
  const Example example;
  module.register_buffer("codes", example.q.detach());
  module.to(torch::kCPU);
  EXPECT_TRUE(ff::is_quantized(module.buffers()[0]));
  EXPECT_ERROR(c10::TypeError,
               "set_data: a quantized tensor of shape [2, 3, 4, 5] cannot become a plain one of "
               "type Double (Module::to does this for buffers); register its dequantized value, or "
               "keep it out of the module.",
               module.to(torch::kDouble));
}

}  // namespace
