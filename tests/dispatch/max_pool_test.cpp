#include <gtest/gtest.h>
#include <torch/torch.h>

#include <vector>

#include "fastforward/dispatch/strict.h"
#include "fastforward/quantization/affine.h"
#include "fastforward/quantization/function.h"
#include "support/expect_error.h"
#include "support/tensors.h"

namespace {

using ff::test::gradient_of;
using ff::test::random_data;
using ff::test::same;

template <typename Pool>
void expect_pooled(const torch::Tensor& q, const torch::Tensor& data, const Pool& pool) {
  const torch::Tensor got = pool(q), expected = pool(q.dequantize());
  ASSERT_TRUE(ff::is_quantized(got));
  EXPECT_EQ(ff::codes(got).scalar_type(), ff::codes(q).scalar_type());
  EXPECT_TRUE(same(got.dequantize(), expected));
  const torch::Tensor weight = random_data(expected.sizes(), 9);
  EXPECT_TRUE(
      same(gradient_of(got.dequantize(), data, weight), gradient_of(expected, data, weight)));
}

TEST(MaxPool, OfCodesIsThatOfValues) {
  for (const int64_t bits : {4, 8, 16}) {
    const torch::Tensor data = random_data({2, 3, 8, 9}, 1).requires_grad_();
    const torch::Tensor q =
        ff::quantize_per_channel(data, torch::full({3}, 0.1F), random_data({3}, 2) * 3, 1, bits);
    expect_pooled(q, data, [](const torch::Tensor& t) { return torch::max_pool2d(t, 2); });
    expect_pooled(q, data, [](const torch::Tensor& t) {
      return torch::max_pool2d(t, {3, 2}, {2, 1}, {1, 1}, 1, /*ceil_mode=*/true);
    });
    expect_pooled(q, data, [](const torch::Tensor& t) { return torch::max_pool2d(t, 2, 1, 0, 2); });
  }
}

TEST(MaxPool, InOneAndThreeDimensions) {
  const torch::Tensor line = random_data({2, 3, 9}, 1).requires_grad_();
  expect_pooled(ff::quantize_per_tensor(line, 0.1, 0.0), line,
                [](const torch::Tensor& t) { return torch::max_pool1d(t, 3, 2, 1); });
  const torch::Tensor room = random_data({2, 3, 4, 5, 6}, 1).requires_grad_();
  expect_pooled(ff::quantize_per_tensor(room, 0.1, 0.0), room,
                [](const torch::Tensor& t) { return torch::max_pool3d(t, 2); });
}

TEST(MaxPool, WithoutABatchAxis) {
  const torch::Tensor data = random_data({3, 8, 9}, 1).requires_grad_();
  expect_pooled(ff::quantize_per_channel(data, torch::full({3}, 0.1F), {}, 0), data,
                [](const torch::Tensor& t) { return torch::max_pool2d(t, 2); });
}

TEST(MaxPool, ModuleAndFunctional) {
  const torch::Tensor q = ff::quantize_per_tensor(random_data({1, 1, 4, 4}, 1), 0.1);
  const torch::Tensor expected = torch::max_pool2d(q.dequantize(), 2);
  EXPECT_TRUE(same(torch::nn::MaxPool2d(2)->forward(q).dequantize(), expected));
  EXPECT_TRUE(
      same(torch::nn::functional::max_pool2d(q, torch::nn::functional::MaxPool2dFuncOptions(2))
               .dequantize(),
           expected));
}

TEST(MaxPool, NeedsParametersThatDoNotVaryInTheWindow) {
  const torch::Tensor data = torch::ones({1, 1, 4, 4});
  EXPECT_ERROR(c10::NotImplementedError,
               "not 'maximum of codes': the parameters vary along axis 3, whose size changes",
               torch::max_pool2d(ff::quantize_per_channel(data, torch::ones({4})), 2));
}

// Codes run against the values.
struct Reversed : ff::QuantizationFunction<Reversed> {
  static constexpr bool kElementwise = true;
  static torch::Tensor quantize(const torch::Tensor& data) {
    return -data.round();
  }
  static torch::Tensor dequantize(const torch::Tensor& codes) {
    return -codes;
  }
};

TEST(MaxPool, NeedsAMonotonicFunction) {
  const torch::Tensor q = Reversed::apply(random_data({1, 1, 4, 4}, 1));
  EXPECT_ERROR(c10::NotImplementedError,
               "Reversed is not known to keep the order of values in its codes",
               torch::max_pool2d(q, 2));
  const ff::StrictGuard relaxed(false);
  EXPECT_TRUE(same(torch::max_pool2d(q, 2), torch::max_pool2d(q.dequantize(), 2)));
}

// Codes are the data in a type of the caller's choice.
struct Cast : ff::QuantizationFunction<Cast> {
  static constexpr bool kElementwise = true;
  static constexpr bool kMonotonic = true;
  static torch::Tensor quantize(const torch::Tensor& data, at::ScalarType type) {
    return data.to(type);
  }
  static torch::Tensor dequantize(const torch::Tensor& codes, at::ScalarType) {
    return codes.to(torch::kDouble);
  }
};

TEST(MaxPool, KeepsEveryDigitOfWideCodes) {
  const double third = 1.0 / 3;
  for (const auto type : {torch::kInt, torch::kLong, torch::kDouble}) {
    const double large = type == torch::kLong ? (int64_t{1} << 53) - 1 : (int64_t{1} << 24) + 1;
    const torch::Tensor data =
        torch::tensor({-large, large, 1.0, 2.0 + (type == torch::kDouble ? third : 0.0)},
                      torch::kDouble)
            .reshape({1, 1, 4});
    const torch::Tensor q = Cast::apply(data, type), pooled = torch::max_pool1d(q, 2);
    EXPECT_EQ(ff::codes(pooled).scalar_type(), type);
    EXPECT_TRUE(same(pooled.dequantize(), torch::max_pool1d(data, 2)));
  }
}

TEST(MaxPool, RefusesCodesThatNoFloatHolds) {
  const torch::Tensor codes =
      torch::tensor({int64_t{1}, (int64_t{1} << 53) + 1}).reshape({1, 1, 2});
  EXPECT_ERROR(c10::NotImplementedError,
               "its codes have type Long and go beyond 2^53, which max_pool cannot compare exactly",
               torch::max_pool1d(Cast::attach(codes, torch::kLong), 2));
  EXPECT_ERROR(c10::NotImplementedError,
               "its codes have type ComplexFloat, of which there is no maximum",
               torch::max_pool1d(Cast::attach(codes.to(torch::kComplexFloat), torch::kLong), 2));
}

}  // namespace
