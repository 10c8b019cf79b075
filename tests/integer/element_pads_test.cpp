#include <ATen/PadNd.h>
#include <torch/torch.h>

#include <cstdint>
#include <functional>
#include <string>
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

// Pads by constants and by elements: bit for bit the simulation. In strict mode an operator that
// has no integer form is an error.
namespace {

namespace F = torch::nn::functional;
using at::padding_mode;
using ff::test::random_data;
using ff::test::same;
using Function = std::function<torch::Tensor(const torch::Tensor&)>;

int64_t random(int64_t low, int64_t high) {
  return torch::randint(low, high + 1, {1}).item<int64_t>();
}

void expect_equal(const Function& function, const torch::Tensor& x) {
  const torch::Tensor expected = function(x.dequantize());
  const ff::IntegerGuard integers;
  const torch::Tensor result = function(x);
  ASSERT_TRUE(ff::is_quantized(result));
  EXPECT_TRUE(same(result.dequantize(), expected));
}

torch::Tensor random_layout(const torch::Tensor& data) {
  switch (random(0, 2)) {
    case 0:
      return data.movedim(1, -1).contiguous().movedim(-1, 1);
    case 1:
      return data.transpose(-1, 0).contiguous().transpose(-1, 0);
    default:
      return data;
  }
}

torch::Tensor pad_enum(const torch::Tensor& x, at::IntArrayRef padding, padding_mode mode) {
  return at::_pad_enum(x, padding, static_cast<int64_t>(mode));
}

TEST(ElementPads, EqualTheSimulation) {
  torch::manual_seed(91);
  for (int trial = 0; trial < 600; ++trial) {
    const auto mode = static_cast<padding_mode>(random(0, 3));
    const int64_t axes = random(1, 3), least = mode == padding_mode::circular ? 0 : -1;
    std::vector<int64_t> sizes, padding;
    if (random(0, 2) > 0)
      sizes.push_back(random(0, 3));
    sizes.push_back(random(1, 5));
    for (int64_t axis = 0; axis < axes; ++axis) {
      sizes.push_back(random(3, 7));
      const int64_t most = sizes.back() - (mode == padding_mode::reflect ? 1 : 0);
      padding.insert(padding.begin(), {random(least, most), random(least, most)});
    }
    SCOPED_TRACE(testing::PrintToString(sizes) + " padded by " + testing::PrintToString(padding) +
                 " mode " + std::to_string(static_cast<int>(mode)));
    expect_equal([&](auto& x) { return pad_enum(x, padding, mode); },
                 ff::quantize_per_tensor(random_layout(torch::randn(sizes)), 0.0625,
                                         static_cast<double>(random(-127, 128))));
  }
}

TEST(ElementPads, HaveManyNames) {
  const torch::Tensor x = ff::quantize_per_tensor(random_data({2, 3, 4, 5, 6}, 1), 0.0625, 3.0);
  const std::vector<int64_t> one = {1, 2}, two = {1, 2, 3, 0}, three = {1, 2, 3, 0, 2, 1};
  expect_equal([&](auto& t) { return torch::reflection_pad1d(t.flatten(0, 2), one); }, x);
  expect_equal([&](auto& t) { return torch::reflection_pad2d(t.flatten(0, 1), two); }, x);
  expect_equal([&](auto& t) { return torch::reflection_pad3d(t, three); }, x);
  expect_equal([&](auto& t) { return torch::replication_pad1d(t.flatten(0, 2), one); }, x);
  expect_equal([&](auto& t) { return torch::replication_pad2d(t.flatten(0, 1), two); }, x);
  expect_equal([&](auto& t) { return torch::replication_pad3d(t, three); }, x);
  expect_equal([&](auto& t) { return at::_pad_circular(t, three); }, x);
  for (const char* mode : {"constant", "reflect", "replicate", "circular"})
    expect_equal([&](auto& t) { return at::pad(t, three, mode); }, x);
  expect_equal([&](auto& t) { return F::pad(t, F::PadFuncOptions(two)); }, x);
  expect_equal([&](auto& t) { return F::pad(t, F::PadFuncOptions(two).value(0.125)); }, x);
  expect_equal([&](auto& t) { return F::pad(t, F::PadFuncOptions(three).mode(torch::kReplicate)); },
               x);
  expect_equal([&](auto& t) { return torch::nn::ZeroPad2d(2)->forward(t.flatten(0, 1)); }, x);
  expect_equal([&](auto& t) { return torch::nn::ReflectionPad2d(2)->forward(t.flatten(0, 1)); }, x);
  expect_equal([&](auto& t) { return torch::nn::ReplicationPad2d(2)->forward(t.flatten(0, 1)); },
               x);
}

TEST(ElementPads, TakeWideCodesToo) {
  expect_equal(
      [](auto& t) {
        return pad_enum(t, {1, 2}, padding_mode::reflect);
      },
      ff::quantize_per_tensor(random_data({2, 3, 4}, 1), 0.001, 3.0, 12));
}

TEST(ElementPads, KeepScalesOfOtherAxes) {
  const torch::Tensor x = ff::quantize_per_channel(random_data({2, 3, 4, 5}, 1),
                                                   torch::tensor({0.1F, 0.2F, 0.3F}), {}, 1);
  expect_equal([](auto& t) { return pad_enum(t, {1, 2, 0, 1}, padding_mode::reflect); }, x);
  const torch::Tensor one =
      ff::quantize_per_channel(random_data({2, 1, 4, 5}, 1), torch::tensor({0.1F}), {}, 1);
  expect_equal([](auto& t) { return at::constant_pad_nd(t, {1, 2, 0, 1, 1, 2}); }, one);
}

TEST(ElementPads, GiveChannelsThatLieTogether) {
  const torch::Tensor x = ff::quantize_per_tensor(
      random_data({2, 6, 4, 5}, 1).contiguous(at::MemoryFormat::ChannelsLast), 0.02);
  const ff::IntegerGuard integers;
  for (const padding_mode mode :
       {padding_mode::reflect, padding_mode::replicate, padding_mode::circular})
    EXPECT_TRUE(
        ff::codes(pad_enum(x, {1, 2, 0, 3}, mode)).is_contiguous(at::MemoryFormat::ChannelsLast));
}

// What LibTorch says of a padding on floats it says in integers too.
void expect_same_error(const Function& function) {
  const torch::Tensor x = random_data({2, 3, 4, 5}, 1);
  const ff::StrictGuard relaxed(false);
  for (const torch::Tensor& data : {x, x.contiguous(at::MemoryFormat::ChannelsLast)}) {
    std::string expected;
    try {
      function(data);
      FAIL() << "LibTorch takes it";
    } catch (const c10::Error& error) {
      expected = error.what_without_backtrace();
    }
    const ff::IntegerGuard integers;
    try {
      function(ff::quantize_per_tensor(data, 0.02));
      FAIL() << expected;
    } catch (const c10::Error& error) {
      EXPECT_EQ(error.what_without_backtrace(), expected);
    }
  }
}

TEST(ElementPads, ThatLibTorchRefuses) {
  const std::vector<int64_t> ten(10, 1);
  for (const auto& padding :
       std::vector<std::vector<int64_t>>{{1, 1, 1}, {1}, ten, {0, -6}, {-3, -3, 1, 1}}) {
    SCOPED_TRACE(testing::PrintToString(padding));
    if (padding.size() % 2 != 0 || padding.size() > 4 || padding.back() < 0)
      expect_same_error([&](auto& t) { return at::constant_pad_nd(t, padding); });
    for (const padding_mode mode :
         {padding_mode::reflect, padding_mode::replicate, padding_mode::circular})
      expect_same_error([&](auto& t) { return pad_enum(t, padding, mode); });
  }
  expect_same_error([](auto& t) { return pad_enum(t, {1, 5}, padding_mode::reflect); });
  expect_same_error([](auto& t) { return pad_enum(t, {1, 6}, padding_mode::circular); });
  expect_same_error([](auto& t) { return pad_enum(t, {1, 6}, static_cast<padding_mode>(7)); });
  expect_same_error([](auto& t) { return torch::reflection_pad2d(t, {1, 1}); });
  expect_same_error([](auto& t) {
    return at::_pad_enum(t, {1, 1}, static_cast<int64_t>(padding_mode::reflect), 2.0);
  });
}

TEST(ElementPads, SayWhyNot) {
  const torch::Tensor x = ff::quantize_per_tensor(random_data({2, 3, 4, 5}, 1), 0.02);
  const auto refusal = [&](const std::vector<int64_t>& padding, int64_t mode,
                           const c10::IValue& value = {}) {
    const ff::IntegerGuard integers;
    const auto refusals = ff::dispatch::why_not("aten::_pad_enum", {x, padding, mode, value});
    return refusals.empty() ? "" : refusals[0].implementation + ": " + refusals[0].reason;
  };
  EXPECT_EQ(refusal({1, 1, 1, 1}, 0), "");
  EXPECT_EQ(refusal({1, 6, 0, 0}, 0),
            "pad codes: its padding [1, 6, 0, 0] is not for an input of shape [2, 3, 4, 5]");
  EXPECT_EQ(refusal({1, 1}, 4), "pad codes: its mode is 4");
  const torch::Tensor meta = ff::quantize_per_tensor(torch::ones({3, 4}).to(torch::kMeta), 0.02);
  const ff::IntegerGuard integers;
  EXPECT_EQ(ff::dispatch::why_not("aten::reflection_pad1d", {meta, std::vector<int64_t>{1, 1}})
                .at(0)
                .reason,
            "the input is on meta, and integers run on the CPU");
  EXPECT_EQ(refusal({1, 1}, 0, 2.0),
            "pad codes: it has a value, and its border is made of elements");
  EXPECT_EQ(refusal({1, 1}, 3, 100.0),
            "pad codes: the grid of the input has no code for 100, with which it is padded");
}

// Layers that pad, and convolutions behind them.
TEST(ElementPads, InModelsRunOnCodes) {
  const at::NoGradGuard no_grad;
  torch::manual_seed(5);
  namespace nn = torch::nn;
  const auto convolution = [](int64_t channels) {
    return nn::Conv2dOptions(channels, 6, 3).padding(1);
  };
  nn::Sequential net(nn::Conv2d(convolution(3).padding_mode(torch::kReflect)), nn::ReLU(),
                     nn::Conv2d(convolution(6).padding_mode(torch::kReplicate)), nn::ReLU(),
                     nn::Conv2d(convolution(6).padding_mode(torch::kCircular)), nn::ReLU(),
                     nn::ZeroPad2d(1), nn::Conv2d(nn::Conv2dOptions(6, 6, 3)), nn::ReLU(),
                     nn::ReflectionPad2d(2), nn::Conv2d(nn::Conv2dOptions(6, 6, 3)));
  net->eval();
  const torch::Tensor x = random_data({2, 3, 9, 8}, 1);
  ff::QuantizedModel model = ff::autoquantize(net, x);
  ff::calibrate(model, x);
  const torch::Tensor simulated = model(x);
  model->to_integer();
  const torch::Tensor result = model(x);
  EXPECT_TRUE(torch::allclose(result, simulated, 0, 0.05));
  for (const ff::CallCoverage& call : model->coverage().calls)
    EXPECT_EQ(call.integers, "codes") << call.site;
}

}  // namespace
