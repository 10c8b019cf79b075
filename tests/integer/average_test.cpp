#include <torch/torch.h>

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "fastforward/dispatch/integer_guard.h"
#include "fastforward/dispatch/operators.h"
#include "fastforward/dispatch/strict.h"
#include "fastforward/model/autoquantize.h"
#include "fastforward/model/calibrate.h"
#include "fastforward/model/coverage.h"
#include "fastforward/quantization/affine.h"
#include "fastforward/tensor/quantized_tensor.h"
#include "support/tensors.h"

// Averages of one image and of batches, and what they are not taken of.
namespace {

using ff::test::random_data;
using Function = std::function<torch::Tensor(const torch::Tensor&)>;

// What the average runs in, between images on a grid and a product that wants its result on one.
// Results are those of the simulation, up to one code.
std::string runs_in(const Function& average, const torch::Tensor& x) {
  const at::NoGradGuard no_grad;
  const torch::Tensor weight = torch::eye(average(x).numel());
  const ff::FloatModel model([=](const torch::Tensor& input) {
    return torch::linear(average(input * 2.0).reshape({1, -1}), weight);
  });
  ff::QuantizedModel quantized = ff::autoquantize(model, x);
  ff::calibrate(quantized, x);
  const torch::Tensor simulated = quantized(x);
  quantized->to_integer();
  const torch::Tensor result = quantized(x);
  const double step = (simulated.max() - simulated.min()).item<double>() / 100;
  EXPECT_TRUE(torch::allclose(result, simulated, 0, step));
  for (const ff::CallCoverage& call : quantized->coverage().calls) {
    if (call.site.find("pool") != std::string::npos || call.site.find("mean") == 0)
      return call.integers;
  }
  return "";
}

TEST(Averages, OfOneImageAndOfBatches) {
  const std::vector<std::pair<int64_t, Function>> functions = {
      {1, [](auto& x) { return torch::avg_pool1d(x, 2); }},
      {1, [](auto& x) { return torch::avg_pool1d(x, {3}, {2}, {1}); }},
      {1, [](auto& x) { return torch::adaptive_avg_pool1d(x, 5); }},
      {1, [](auto& x) { return torch::adaptive_avg_pool1d(x, 1); }},
      {2, [](auto& x) { return torch::avg_pool2d(x, 2); }},
      {2,
       [](auto& x) {
         return torch::avg_pool2d(x, {2, 2});
       }},
      {2,
       [](auto& x) {
         return torch::avg_pool2d(x, {3, 2}, {2, 1}, {1, 0});
       }},
      {2,
       [](auto& x) {
         return torch::adaptive_avg_pool2d(x, {1, 1});
       }},
      {2,
       [](auto& x) {
         return torch::adaptive_avg_pool2d(x, {4, 5});
       }},
      {3, [](auto& x) { return torch::avg_pool3d(x, 2); }},
      {3,
       [](auto& x) {
         return torch::avg_pool3d(x, {2, 2, 3});
       }},
      {3,
       [](auto& x) {
         return torch::adaptive_avg_pool3d(x, {1, 1, 1});
       }},
      {3, [](auto& x) {
         return torch::adaptive_avg_pool3d(x, {2, 4, 5});
       }}};
  const std::vector<int64_t> sizes = {4, 12, 10};
  for (const auto& [axes, function] : functions) {
    std::vector<int64_t> image = {3};
    image.insert(image.end(), sizes.end() - axes, sizes.end());
    std::vector<int64_t> batch = image;
    batch.insert(batch.begin(), 2);
    EXPECT_EQ(runs_in(function, random_data(image, 1)), "codes") << at::IntArrayRef(image);
    EXPECT_EQ(runs_in(function, random_data(batch, 1)), "codes") << at::IntArrayRef(batch);
  }
}

TEST(Averages, OfMaximaOfOneImage) {
  EXPECT_EQ(runs_in(
                [](auto& x) {
                  return torch::avg_pool2d(torch::max_pool2d(x, 2), {3, 5});
                },
                random_data({3, 12, 10}, 1)),
            "codes");
}

// A divisor is not the number of places.
TEST(Averages, WithADivisorOfTheirOwn) {
  EXPECT_EQ(runs_in(
                [](auto& x) {
                  return torch::avg_pool2d(x, {2, 2}, 2, 0, false, true, 100);
                },
                random_data({2, 3, 12, 10}, 1)),
            "codes");
  EXPECT_EQ(runs_in(
                [](auto& x) {
                  return torch::avg_pool2d(x, {9, 9}, 2, 0, false, true, 4);
                },
                random_data({2, 3, 12, 10}, 1)),
            "float: its window has more than 64 places");
}

// What LibTorch says of a call on floats it says in integers too.
void expect_same_error(const Function& function, const torch::Tensor& x) {
  std::string expected;
  try {
    function(x);
    FAIL() << "LibTorch takes it";
  } catch (const c10::Error& error) {
    expected = error.what_without_backtrace();
  }
  const ff::IntegerGuard integers;
  const ff::StrictGuard relaxed(false);
  try {
    function(ff::quantize_per_tensor(x, 0.02));
    FAIL() << expected;
  } catch (const c10::Error& error) {
    EXPECT_EQ(error.what_without_backtrace(), expected);
  }
}

TEST(Averages, ThatLibTorchRefuses) {
  const torch::Tensor x = random_data({2, 3, 12, 10}, 1);
  expect_same_error([](auto& t) { return torch::avg_pool2d(t, {2, 2, 2}); }, x);
  expect_same_error([](auto& t) { return torch::avg_pool2d(t, {2, 2}, {1, 1, 1}); }, x);
  expect_same_error([](auto& t) { return torch::avg_pool2d(t, {2, 2}, 1, {2, 2}); }, x);
  expect_same_error([](auto& t) { return torch::avg_pool2d(t, {2, 2}); }, x[0][0]);
  expect_same_error([](auto& t) { return torch::avg_pool2d(t, {2, 2}); }, x.unsqueeze(0));
  expect_same_error([](auto& t) { return torch::avg_pool3d(t, {2, 2, 2}); }, x[0]);
  expect_same_error([](auto& t) { return torch::avg_pool1d(t, {2, 2}); }, x[0]);
  expect_same_error([](auto& t) { return torch::adaptive_avg_pool2d(t, {2, 2, 2}); }, x);
  expect_same_error([](auto& t) { return torch::adaptive_avg_pool2d(t, {2}); }, x);
  expect_same_error([](auto& t) { return torch::adaptive_avg_pool2d(t, {2, 2}); }, x[0][0]);
  expect_same_error([](auto& t) { return torch::max_pool2d(t, {2, 2, 2}); }, x);
  expect_same_error([](auto& t) { return torch::max_pool2d(t, {2, 2}); }, x[0][0]);
  expect_same_error([](auto& t) { return t.mean(at::IntArrayRef{4}); }, x);
  expect_same_error([](auto& t) { return torch::upsample_nearest2d(t, {4, 4, 4}); }, x);
  expect_same_error([](auto& t) { return torch::upsample_nearest2d(t, {4, 4}); }, x[0]);
}

TEST(Averages, ThatAreNotOfImagesSaySo) {
  const auto reason = [](std::vector<int64_t> sizes, std::vector<int64_t> window) {
    return runs_in([=](auto& x) { return torch::adaptive_avg_pool2d(x, window); },
                   random_data(sizes, 1));
  };
  EXPECT_EQ(reason({2, 3, 7, 10}, {3, 5}),
            "float: its windows are not all of one size: 7 elements for 3");
  EXPECT_EQ(reason({3, 7, 10}, {3, 5}),
            "float: its windows are not all of one size: 7 elements for 3");
}

}  // namespace
