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

namespace F = torch::nn::functional;
using ff::test::gradient_of;
using ff::test::random_data;
using ff::test::same;
using Scales = std::optional<at::ArrayRef<double>>;
using Sizes = at::OptionalIntArrayRef;

int64_t random(int64_t low, int64_t high) {
  return torch::randint(low, high + 1, {1}).item<int64_t>();
}

torch::Tensor upsample(const torch::Tensor& t, bool is_exact, const Sizes& sizes,
                       const Scales& scales) {
  switch (t.dim()) {
    case 3:
      return is_exact ? at::_upsample_nearest_exact1d(t, sizes, scales)
                      : at::upsample_nearest1d(t, sizes, scales);
    case 4:
      return is_exact ? at::_upsample_nearest_exact2d(t, sizes, scales)
                      : at::upsample_nearest2d(t, sizes, scales);
    default:
      return is_exact ? at::_upsample_nearest_exact3d(t, sizes, scales)
                      : at::upsample_nearest3d(t, sizes, scales);
  }
}

// Strict mode: no operator runs on values.
void expect_upsampled(const torch::Tensor& q, bool is_exact, const Sizes& sizes,
                      const Scales& scales) {
  const torch::Tensor got = upsample(q, is_exact, sizes, scales);
  ASSERT_TRUE(ff::is_quantized(got));
  EXPECT_EQ(ff::codes(got).scalar_type(), ff::codes(q).scalar_type());
  EXPECT_TRUE(same(got.dequantize(), upsample(q.dequantize(), is_exact, sizes, scales)));
}

TEST(UpsampleNearest, OfCodesIsThatOfValues) {
  torch::manual_seed(92);
  for (int trial = 0; trial < 1000; ++trial) {
    const size_t axes = static_cast<size_t>(random(1, 3));
    std::vector<int64_t> sizes = {random(1, 3), random(1, 20)}, new_sizes;
    std::vector<double> scales;
    for (size_t axis = 0; axis < axes; ++axis) {
      sizes.push_back(random(1, axes == 3 ? 5 : 12));
      scales.push_back(random(0, 1) == 0 ? static_cast<double>(random(1, 4))
                                         : 1 + 1.5 * torch::rand({1}).item<double>());
      new_sizes.push_back(random(1, 30));
    }
    torch::Tensor data = torch::randn(sizes);
    if (random(0, 1) == 0)
      data = data.movedim(1, -1).contiguous().movedim(-1, 1);
    const torch::Tensor q = ff::quantize_per_tensor(data, 0.02, 3.0);
    SCOPED_TRACE(testing::PrintToString(sizes) + " to " + testing::PrintToString(new_sizes) +
                 " or by " + testing::PrintToString(scales));
    for (const bool is_exact : {false, true}) {
      expect_upsampled(q, is_exact, new_sizes, std::nullopt);
      expect_upsampled(q, is_exact, std::nullopt, scales);
    }
  }
}

// Sizes that LibTorch's kernels for one memory format and another round to different places.
TEST(UpsampleNearest, OfValuesThatLieOtherwiseThanTheirCodes) {
  const torch::Tensor codes = torch::randint(-128, 128, {1, 8, 2, 2, 2}, torch::kChar);
  const torch::Tensor last = ff::quantize_per_tensor(torch::zeros(codes.sizes()), 0.5);
  torch::Tensor q = ff::bound_function(last).attach(
      codes.contiguous(torch::MemoryFormat::ChannelsLast3d), torch::kFloat);
  q.unsafeGetTensorImpl()->set_sizes_and_strides(codes.sizes(), codes.strides());
  const torch::Tensor values = q.dequantize().contiguous();
  int64_t differ = 0;
  for (int64_t size = 1; size < 90; ++size) {
    for (const bool is_exact : {false, true}) {
      const std::vector<int64_t> sizes = {2, 3, size};
      const torch::Tensor expected = upsample(values, is_exact, sizes, std::nullopt);
      EXPECT_TRUE(same(upsample(q, is_exact, sizes, std::nullopt).dequantize(), expected)) << size;
      const torch::Tensor other = upsample(values.contiguous(torch::MemoryFormat::ChannelsLast3d),
                                           is_exact, sizes, std::nullopt);
      differ += other.ne(expected).any().item<bool>();
    }
  }
  EXPECT_GT(differ, 0) << "LibTorch's kernels agree now";
}

TEST(UpsampleNearest, ChannelsStayTogether) {
  const torch::Tensor q = ff::quantize_per_tensor(
      random_data({2, 6, 4, 5}, 1).contiguous(torch::MemoryFormat::ChannelsLast), 0.02);
  for (const int64_t factor : {2, 3}) {
    const torch::Tensor got = at::upsample_nearest2d(q, {4 * factor, 5 * factor});
    EXPECT_TRUE(ff::codes(got).is_contiguous(torch::MemoryFormat::ChannelsLast));
  }
}

TEST(UpsampleNearest, InterpolateAndTheModule) {
  const torch::Tensor q = ff::quantize_per_tensor(random_data({1, 2, 4, 5}, 1), 0.1);
  const auto expect_called = [&](const auto& call) {
    EXPECT_TRUE(same(call(q).dequantize(), call(q.dequantize())));
  };
  for (const bool recompute : {false, true}) {
    expect_called([&](const torch::Tensor& t) {
      return F::interpolate(t, F::InterpolateFuncOptions()
                                   .scale_factor(std::vector<double>{2, 1.6})
                                   .mode(torch::kNearest)
                                   .recompute_scale_factor(recompute));
    });
  }
  expect_called([&](const torch::Tensor& t) {
    return F::interpolate(
        t, F::InterpolateFuncOptions().size(std::vector<int64_t>{7, 3}).mode(torch::kNearestExact));
  });
  expect_called([&](const torch::Tensor& t) {
    return torch::nn::Upsample(
        torch::nn::UpsampleOptions().scale_factor(std::vector<double>{2, 2}).mode(torch::kNearest))(
        t);
  });
}

TEST(UpsampleNearest, GradientsGoToTheElementsThatAreRepeated) {
  for (const int64_t bits : {4, 8, 16}) {
    const torch::Tensor data = random_data({2, 3, 4, 5}, 1).requires_grad_();
    const torch::Tensor q =
        ff::quantize_per_channel(data, torch::full({3}, 0.1F), random_data({3}, 2) * 3, 1, bits);
    const torch::Tensor got = at::upsample_nearest2d(q, {8, 7}),
                        expected = at::upsample_nearest2d(q.dequantize(), {8, 7});
    EXPECT_TRUE(same(got.dequantize(), expected));
    const torch::Tensor weight = random_data(expected.sizes(), 9);
    EXPECT_TRUE(
        same(gradient_of(got.dequantize(), data, weight), gradient_of(expected, data, weight)));
  }
}

TEST(UpsampleNearest, OfNothing) {
  const torch::Tensor q = ff::quantize_per_tensor(torch::empty({0, 3, 4, 4}), 0.1);
  EXPECT_EQ(at::upsample_nearest2d(q, {8, 8}).sizes(), (std::vector<int64_t>{0, 3, 8, 8}));
}

TEST(UpsampleNearest, SaysWhyNot) {
  const torch::Tensor data = torch::ones({1, 1, 4, 5});
  EXPECT_ERROR(c10::NotImplementedError,
               "not 'repeat codes': the parameters vary along axis 3, whose size changes",
               at::upsample_nearest2d(ff::quantize_per_channel(data, torch::ones({5})), {8, 10}));
  EXPECT_ERROR(c10::NotImplementedError,
               "not 'repeat codes': its sizes or scales are not those of a batch of images",
               at::upsample_nearest1d(ff::quantize_per_tensor(data, 1.0), {8}));
  const torch::Tensor wide = ff::quantize_per_tensor(data.to(torch::kDouble), 1.0);
  EXPECT_NO_THROW(at::upsample_nearest2d(wide, {8, 20}));
  EXPECT_ERROR(c10::NotImplementedError,
               "not 'repeat codes': positions of values of type Double are rounded otherwise than "
               "those of its codes, which have type Char",
               at::upsample_nearest2d(wide, {8, 7}));
}

// Codes are the data in a type of the caller's choice.
struct Cast : ff::QuantizationFunction<Cast> {
  static constexpr bool kElementwise = true;
  static torch::Tensor quantize(const torch::Tensor& data, at::ScalarType type) {
    return data.to(type);
  }
  static torch::Tensor dequantize(const torch::Tensor& codes, at::ScalarType) {
    return codes.to(torch::kFloat);
  }
};

TEST(UpsampleNearest, OfCodesOfAnyType) {
  const torch::Tensor data = (random_data({1, 2, 3}, 1) * 100).round().abs();
  for (const auto type : {torch::kByte, torch::kChar, torch::kShort, torch::kInt, torch::kHalf,
                          torch::kBFloat16, torch::kFloat, torch::kBool})
    expect_upsampled(Cast::apply(data, type), false, std::vector<int64_t>{7}, std::nullopt);
  // Also those whose bits are a NaN of a floating-point type.
  for (const std::vector<int64_t>& sizes :
       std::vector<std::vector<int64_t>>{{1, 64, 1024}, {1, 64, 32, 32}, {1, 64, 16, 8, 8}}) {
    const torch::Tensor all = torch::arange(-32768, 32768).reshape(sizes).to(torch::kFloat);
    const torch::Tensor wide = torch::arange(-32768, 32768).reshape(sizes) * 65521;
    for (const torch::Tensor& q :
         {Cast::apply(all, torch::kShort), Cast::attach(wide.to(torch::kInt), torch::kInt)}) {
      const std::vector<double> scales(sizes.size() - 2, 3.0);
      torch::Tensor expected = ff::codes(q);
      for (size_t axis = 2; axis < sizes.size(); ++axis)
        expected = expected.repeat_interleave(3, static_cast<int64_t>(axis));
      EXPECT_TRUE(same(ff::codes(upsample(q, false, std::nullopt, scales)), expected));
    }
  }
  EXPECT_ERROR(c10::NotImplementedError, "its codes have type Long, which is not copied",
               at::upsample_nearest1d(Cast::apply(data, torch::kLong), {7}));
}

}  // namespace
