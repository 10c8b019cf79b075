// Implementations of the user's own, and the functional forms that run them.

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <optional>

#include "fastforward/dispatch/operators.h"
#include "fastforward/nn/dynamic_linear_quantizer.h"
#include "fastforward/nn/functional/activation.h"
#include "fastforward/nn/functional/linear.h"
#include "fastforward/nn/quantizer_stub.h"
#include "fastforward/tensor/quantized_tensor.h"
#include "support/tensors.h"

namespace {

namespace F = torch::nn::functional;
namespace qf = ff::nn::functional;

using ff::nn::DynamicLinearQuantizer;
using ff::test::random_data;
using ff::test::same;

torch::Tensor quantized(const torch::Tensor& data) {
  return DynamicLinearQuantizer(6)(data);
}

TEST(FunctionalImplementations, RegisteredImplementationsRun) {
  const torch::Tensor x = quantized(random_data({2, 3}, 1)), w = quantized(random_data({4, 3}, 2));
  int calls = 0;
  const auto linear = ff::dispatch::register_operator(
      "aten::linear", "fives", nullptr,
      [&calls](const torch::Tensor& input, const torch::Tensor& weight,
               const std::optional<torch::Tensor>& bias) {
        ++calls;
        EXPECT_TRUE(ff::is_quantized(input) && ff::is_quantized(weight));
        EXPECT_FALSE(bias.has_value());
        return torch::full({input.size(0), weight.size(0)}, 5.0);
      });
  const DynamicLinearQuantizer output(8);
  const torch::Tensor y = qf::linear(x, w, {}, {.output_quantizer = output});
  EXPECT_EQ(calls, 1);
  EXPECT_TRUE(torch::allclose(y.dequantize(), torch::full({2, 4}, 5.0), 0.01));  // 8 bits
  // Plain tensors do not ask the registry.
  qf::linear(x.dequantize(), w.dequantize(), {}, {.strict = false});
  EXPECT_EQ(calls, 1);
}

TEST(FunctionalImplementations, ImplementationsThatRefuseDoNotRun) {
  const torch::Tensor x = quantized(random_data({2, 3}, 1)), w = quantized(random_data({4, 3}, 2));
  const auto linear = ff::dispatch::register_operator(
      "aten::linear", "never", [](const ff::dispatch::OperatorCall&) { return "no"; },
      [](const torch::Tensor& input, const torch::Tensor&, const std::optional<torch::Tensor>&) {
        return input;
      });
  EXPECT_TRUE(
      same(qf::linear(x, w, {}, {.strict = false}), F::linear(x.dequantize(), w.dequantize())));
}

TEST(FunctionalImplementations, QuantizedResultsOfImplementationsAreQuantizedAnew) {
  const torch::Tensor x = quantized(random_data({2, 3}, 1));
  const auto relu = ff::dispatch::register_operator("aten::relu", "itself", nullptr,
                                                    [](const torch::Tensor& self) { return self; });
  const torch::Tensor stays = qf::relu(x, {.output_quantizer = ff::nn::QuantizerStub()});
  EXPECT_TRUE(same(ff::codes(stays), ff::codes(x))) << "a stub asks for nothing";
  EXPECT_TRUE(same(ff::codes(qf::relu(x)), ff::codes(x)));
  const torch::Tensor anew = qf::relu(x, {.output_quantizer = DynamicLinearQuantizer(3)});
  EXPECT_TRUE(same(anew.dequantize(), DynamicLinearQuantizer(3)(x.dequantize()).dequantize()));
}

}  // namespace
