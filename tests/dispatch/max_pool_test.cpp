#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cstdint>
#include <string>
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

int64_t random(int64_t low, int64_t high) {
  return torch::randint(low, high + 1, {1}).item<int64_t>();
}

torch::Tensor pool(const torch::Tensor& t, const std::vector<int64_t>& window,
                   const std::vector<int64_t>& stride, const std::vector<int64_t>& padding,
                   const std::vector<int64_t>& dilation, bool ceil_mode) {
  if (window.size() == 1)
    return torch::max_pool1d(t, window, stride, padding, dilation, ceil_mode);
  if (window.size() == 2)
    return torch::max_pool2d(t, window, stride, padding, dilation, ceil_mode);
  return torch::max_pool3d(t, window, stride, padding, dilation, ceil_mode);
}

// Bytes are compared as bytes, wherever channels lie.
TEST(MaxPool, OfAnyWindowsAndLayout) {
  torch::manual_seed(91);
  for (int trial = 0; trial < 600; ++trial) {
    const size_t axes = static_cast<size_t>(random(1, 3));
    std::vector<int64_t> sizes = {random(1, 3), random(1, 20)}, window, stride, padding, dilation;
    for (size_t axis = 0; axis < axes; ++axis) {
      window.push_back(random(1, 5));
      stride.push_back(random(1, 4));
      dilation.push_back(random(1, 2));
      const int64_t reach = dilation.back() * (window.back() - 1) + 1;
      padding.push_back(random(0, window.back() / 2));
      sizes.push_back(random(reach, reach + 9));
    }
    const bool ceil_mode = random(0, 1) == 1;
    torch::Tensor data = torch::randn(sizes);
    // Channels first, last, in between, or no batch.
    const int64_t layout = random(0, 3);
    if (layout == 1)
      data = data.movedim(1, -1).contiguous().movedim(-1, 1);
    if (layout == 2)
      data = data.transpose(0, 1).contiguous().transpose(0, 1);
    if (layout == 3)
      data = data[0];
    SCOPED_TRACE(testing::PrintToString(sizes) + " " + testing::PrintToString(window) + " stride " +
                 testing::PrintToString(stride) + " padding " + testing::PrintToString(padding) +
                 " dilation " + testing::PrintToString(dilation) + " layout " +
                 std::to_string(layout));
    // Some codes are -128.
    const torch::Tensor q = ff::quantize_per_tensor(data, 0.01, 20.0);
    const torch::Tensor got = pool(q, window, stride, padding, dilation, ceil_mode);
    EXPECT_TRUE(same(ff::codes(got), pool(ff::codes(q).to(torch::kFloat), window, stride, padding,
                                          dilation, ceil_mode)
                                         .to(torch::kChar)));
    if (layout == 1 && axes == 2) {
      EXPECT_TRUE(ff::codes(got).is_contiguous(torch::MemoryFormat::ChannelsLast));
    }
  }
}

TEST(MaxPool, OfLargeImagesOnSeveralThreads) {
  const torch::Tensor data = random_data({3, 24, 61, 70}, 1);
  for (const torch::Tensor& t : {data, data.contiguous(torch::MemoryFormat::ChannelsLast)}) {
    const torch::Tensor q = ff::quantize_per_tensor(t, 0.03);
    const auto run = [](const torch::Tensor& x) { return torch::max_pool2d(x, 3, 2, 1); };
    EXPECT_TRUE(same(run(q).dequantize(), run(q.dequantize())));
  }
}

TEST(MaxPool, OfNothing) {
  const torch::Tensor q = ff::quantize_per_tensor(torch::empty({0, 3, 8, 8}), 0.1);
  EXPECT_EQ(torch::max_pool2d(q, 2).sizes(), (std::vector<int64_t>{0, 3, 4, 4}));
}

// LibTorch says what is wrong with a call.
TEST(MaxPool, OfWindowsThatDoNotFit) {
  const torch::Tensor q = ff::quantize_per_tensor(random_data({1, 1, 4, 4}, 1), 0.1);
  EXPECT_THROW(torch::max_pool2d(q, 6), c10::Error);
  EXPECT_THROW(torch::max_pool2d(q, 3, 1, 2), c10::Error);
  EXPECT_THROW(torch::max_pool2d(q, 0), c10::Error);
  EXPECT_THROW(torch::max_pool2d(q, 2, 1, 0, 0), c10::Error);
}

TEST(MaxPool, RefusesWindowsWithoutElements) {
  const torch::Tensor q = ff::quantize_per_tensor(torch::ones({1, 1, 4}), 0.1);
  EXPECT_ERROR(c10::NotImplementedError, "some of its windows have nothing but padding in them",
               torch::max_pool1d(q, 2, 1, 1, 5));
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
