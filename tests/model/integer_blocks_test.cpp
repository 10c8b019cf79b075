#include <ATen/autocast_mode.h>
#include <torch/torch.h>

#include <cmath>
#include <functional>
#include <string>

#include "fastforward/dispatch/integer_guard.h"
#include "fastforward/dispatch/operators.h"
#include "fastforward/dispatch/strict.h"
#include "fastforward/model/autoquantize.h"
#include "fastforward/model/calibrate.h"
#include "fastforward/nn/functional/activation.h"
#include "fastforward/nn/functional/linear.h"
#include "fastforward/nn/functional/normalization.h"
#include "fastforward/nn/linear_quantizer.h"
#include "fastforward/quantization/affine.h"
#include "fastforward/tensor/quantized_tensor.h"
#include "model/integer_net.h"
#include "support/expect_error.h"
#include "support/tensors.h"

// Float operators between codes, block by block.
namespace {

using ff::test::how;
using ff::test::random_data;
using torch::Tensor;
using Function = std::function<Tensor(const Tensor&)>;

constexpr const char* kInBlocks = "float, in blocks";

ff::QuantizedModel of(const Function& function, const Tensor& input) {
  ff::QuantizedModel model = ff::autoquantize(ff::FloatModel(function), input.clone());
  ff::calibrate(model, input.clone());
  return model;
}

// Runs in integers what was simulated; a code on the way may differ by one.
ff::QuantizedModel expect_same(const Function& function, const Tensor& input) {
  const at::NoGradGuard no_grad;
  ff::QuantizedModel model = of(function, input);
  const Tensor simulated = model(input.clone());
  model->to_integer();
  const Tensor integer = model(input.clone());
  EXPECT_EQ(integer.sizes(), simulated.sizes());
  if (integer.numel() > 0) {
    EXPECT_LE((integer - simulated).abs().max().item<double>(),
              0.02 * simulated.abs().max().item<double>());
    EXPECT_LE((integer - simulated).abs().mean().item<double>(),
              0.001 * simulated.abs().max().item<double>());
  }
  return model;
}

Tensor weight(int64_t out, int64_t in, uint64_t seed) {
  return random_data({out, in}, seed) / std::sqrt(static_cast<double>(in));
}

// More values than a block has, and rows that do not fill tiles.
TEST(IntegerBlocks, FunctionsBehindProducts) {
  const Tensor w = weight(700, 24, 1), v = weight(10, 700, 2), bias = random_data({700}, 3);
  for (const Function& function : std::vector<Function>{
           [](const Tensor& y) { return torch::gelu(y); },
           [](const Tensor& y) { return torch::silu(y); },
           [](const Tensor& y) { return torch::hardswish(torch::tanh(y) * 3) - 0.5; },
           [](const Tensor& y) { return torch::relu(torch::softmax(y, -1) - 0.001); }}) {
    ff::QuantizedModel model = expect_same(
        [&](const Tensor& x) { return torch::linear(function(torch::matmul(x, w.t()) + bias), v); },
        random_data({3, 67, 24}, 4));
    EXPECT_EQ(how(model, "matmul"), "codes");
    EXPECT_EQ(how(model, "add"), kInBlocks);
    EXPECT_EQ(how(model, "linear"), "codes");
  }
}

Tensor attention(const Tensor& x, const Tensor& q, const Tensor& k, const Tensor& v,
                 const Tensor& mask) {
  constexpr int64_t kHeads = 4;
  const auto heads = [&](const Tensor& w) {
    return torch::linear(x, w).unflatten(-1, {kHeads, -1}).transpose(1, 2);
  };
  const Tensor scores = torch::matmul(heads(q), heads(k).transpose(-2, -1)) / 4 + mask;
  return torch::matmul(torch::softmax(scores, -1), heads(v)).transpose(1, 2).flatten(2);
}

TEST(IntegerBlocks, Transformers) {
  constexpr int64_t kBatch = 3, kTokens = 70, kWidth = 64;
  const Tensor q = weight(kWidth, kWidth, 1), k = weight(kWidth, kWidth, 2),
               v = weight(kWidth, kWidth, 3), out = weight(kWidth, kWidth, 4),
               head = weight(5, kWidth, 5), scale = random_data({kWidth}, 6),
               shift = random_data({kWidth}, 7);
  const Tensor mask = random_data({kBatch, 1, 1, kTokens}, 8).gt(1).to(torch::kFloat) * -1e4;
  ff::QuantizedModel model = expect_same(
      [&](const Tensor& x) {
        const Tensor y = torch::linear(attention(x, q, k, v, mask), out) + x;
        return torch::linear(torch::layer_norm(y, {kWidth}, scale, shift), head);
      },
      random_data({kBatch, kTokens, kWidth}, 9));
  for (const char* site : {"matmul", "div", "add", "softmax", "matmul_1", "add_1", "layer_norm"})
    EXPECT_EQ(how(model, site), kInBlocks) << site;
  for (const char* site : {"linear", "linear_1", "linear_2", "linear_3", "linear_4"})
    EXPECT_EQ(how(model, site), "codes") << site;
}

// Fed the same codes, LibTorch's operators give the same bits in blocks.
TEST(IntegerBlocks, OnCodesTheyAreExact) {
  namespace fn = ff::nn::functional;
  namespace options = torch::nn::functional;
  ff::nn::LinearQuantizer quantizer(8);
  quantizer->set_quantization_range(-1, 1);
  const fn::FunctionalOptions output{.output_quantizer = quantizer};
  const Tensor scale = ff::quantize_per_tensor(random_data({48}, 1), 0.02);
  for (const Tensor& x :
       {ff::quantize_per_tensor(random_data({20, 90, 48}, 2), 0.02, 3.0),
        ff::quantize_per_tensor(random_data({90, 20, 48}, 2).transpose(0, 1), 0.02, 3.0)}) {
    for (const std::function<Tensor()>& function : std::vector<std::function<Tensor()>>{
             [&] { return fn::softmax(x, options::SoftmaxFuncOptions(-1), output); },
             [&] { return fn::softmax(x, options::SoftmaxFuncOptions(1), output); },
             [&] { return fn::softmax(x, options::SoftmaxFuncOptions(0), output); },
             [&] {
               return fn::layer_norm(x, options::LayerNormFuncOptions({48}).weight(scale), output);
             },
             [&] {
               return fn::layer_norm(x, options::LayerNormFuncOptions({90, 48}), output);
             },
             [&] { return fn::rms_norm(x, {48}, scale, 1e-5, output); },
             [&] { return fn::bmm(x.transpose(1, 2), x, output); },
             [&] { return fn::matmul(x.unsqueeze(1), x.unsqueeze(1).mT(), output); }}) {
      const Tensor simulated = function();
      const ff::IntegerGuard integers;
      const Tensor integer = function();
      EXPECT_TRUE(torch::equal(ff::codes(integer), ff::codes(simulated)));
      EXPECT_GT(ff::codes(simulated).to(torch::kFloat).std().item<float>(), 1);
    }
  }
}

TEST(IntegerBlocks, AreTheSameForAnyNumberOfThreads) {
  const at::NoGradGuard no_grad;
  const Tensor w = weight(300, 40, 1), v = weight(4, 300, 2);
  const Tensor input = random_data({1000, 40}, 3);
  ff::QuantizedModel model = of(
      [&](const Tensor& x) {
        return torch::linear(torch::layer_norm(torch::gelu(torch::linear(x, w)), {300}), v);
      },
      input);
  model->to_integer();
  const int before = at::get_num_threads();
  at::set_num_threads(1);
  const Tensor one = model(input);
  at::set_num_threads(2);
  EXPECT_TRUE(torch::equal(model(input), one));
  at::set_num_threads(before);
}

TEST(IntegerBlocks, OperatorsThatWriteToTheirOperand) {
  const Tensor w = weight(300, 40, 1), v = weight(4, 300, 2), bias = random_data({300}, 3);
  expect_same(
      [&](const Tensor& x) {
        Tensor y = torch::matmul(x, w.t());
        y += bias;
        y.mul_(0.5).add_(1);
        y.tanh_();
        return torch::linear(y, v);
      },
      random_data({500, 40}, 4));
}

TEST(IntegerBlocks, OperandsThatAreBroadcast) {
  const Tensor w = weight(60, 40, 1), v = weight(4, 60, 2);
  for (const Tensor& other :
       {random_data({60}, 3), random_data({30, 1}, 4), random_data({50, 1, 1}, 5),
        random_data({1, 30, 60}, 6), torch::tensor(0.7F), torch::tensor(0.7, torch::kDouble),
        torch::ones({30, 1}, torch::kBool), torch::full({60}, 2, torch::kLong),
        random_data({2, 50, 30, 60}, 7)}) {
    expect_same(
        [&](const Tensor& x) { return torch::linear(torch::gelu(torch::linear(x, w) * other), v); },
        random_data({50, 30, 40}, 8));
  }
}

TEST(IntegerBlocks, ImagesAndOddShapes) {
  const Tensor w = random_data({6, 3, 3, 3}, 1) * 0.3, v = random_data({4, 6, 1, 1}, 2);
  for (const int64_t axis : {1, 2, -1}) {
    expect_same(
        [&](const Tensor& x) {
          return torch::conv2d(torch::softmax(torch::conv2d(x, w, {}, 1, 1), axis), v);
        },
        random_data({2, 3, 9, 11}, 3));
  }
  expect_same(
      [&](const Tensor& x) {
        const Tensor y = torch::conv2d(x, w);
        return torch::conv2d(torch::layer_norm(y, y.sizes().slice(1)), v);
      },
      random_data({2, 3, 9, 11}, 4));
}

// Images lie pixel after pixel, rows of features row after row. More values than a block has.
TEST(IntegerBlocks, OperandsInDifferentOrders) {
  const Tensor w = random_data({8, 8, 3, 3}, 1) * 0.2, v = weight(60, 60, 2), u = weight(5, 60, 3);
  const auto images = [&](const Tensor& x) { return torch::conv2d(x, w, {}, 1, 1); };
  const auto rows = [&](const Tensor& x) { return torch::linear(x, v); };
  for (const Function& function : std::vector<Function>{
           [&](const Tensor& x) { return images(x) + rows(x); },
           [&](const Tensor& x) { return rows(x) + images(x); },
           [&](const Tensor& x) { return torch::softmax(torch::relu(rows(x)), -1) * images(x); },
           [&](const Tensor& x) { return images(x) + torch::softmax(rows(x), -1); },
           [&](const Tensor& x) { return x + images(x); }}) {
    expect_same(
        [&](const Tensor& x) { return torch::linear(torch::layer_norm(function(x), {60}), u); },
        random_data({2, 8, 200, 60}, 4));
  }
}

// Values that are computed later would read what was written since.
TEST(IntegerBlocks, WritesToWhatTheyRead) {
  const Tensor w = weight(60, 60, 1), v = weight(5, 60, 2), state = random_data({60}, 3);
  bool is_other = true;
  for (const Function& function :
       std::vector<Function>{[&](const Tensor& x) {
                               Tensor h = torch::cos(x);
                               const Tensor y = torch::linear(x, w) + h;
                               h.zero_();
                               return y;
                             },
                             [&](const Tensor& x) {
                               Tensor s = state.clone();
                               const Tensor y = torch::linear(x, w) + s;
                               s.add_(5);
                               return y * 2;
                             },
                             [&](const Tensor& x) {
                               Tensor s = state.clone();
                               const Tensor y = torch::linear(x, w, s);
                               s.add_(5);
                               return y;
                             },
                             [&](const Tensor& x) {
                               Tensor h = torch::layer_norm(x, {60});
                               const Tensor y = torch::tanh(torch::linear(x, w) + h) * h;
                               h.select(0, 0).mul_(3);
                               return y;
                             },
                             [&](const Tensor& x) {
                               Tensor y = torch::linear(x, w);
                               const Tensor z = y + torch::linear(x, w);
                               y.zero_();
                               return z;
                             },
                             [&](const Tensor& x) {
                               Tensor h = torch::cos(x);
                               const Tensor y = torch::linear(x, w) + h;
                               if (is_other)
                                 h.view({-1}).zero_();
                               return y;
                             }}) {
    const at::NoGradGuard no_grad;
    const Tensor input = random_data({30, 60}, 4);
    is_other = false;
    ff::QuantizedModel model = of(
        [&](const Tensor& x) {
          return torch::linear(torch::layer_norm(torch::gelu(function(x)), {60}), v);
        },
        input);
    is_other = true;  // what no example showed
    const Tensor simulated = model(input.clone());
    model->to_integer();
    EXPECT_TRUE(torch::allclose(model(input.clone()), simulated, 0.03, 0.03));
  }
}

TEST(IntegerBlocks, AWriteThatNoExampleShowedIsAnError) {
  const at::NoGradGuard no_grad;
  const Tensor w = weight(12, 7, 1), v = weight(5, 12, 2);
  for (const std::function<void(Tensor&)>& write : std::vector<std::function<void(Tensor&)>>{
           [](Tensor& y) { y[0].zero_(); }, [](Tensor& y) { y[0][1].zero_(); },
           [](Tensor& y) { y.add_(1); }}) {
    bool is_other = false;
    ff::QuantizedModel model = of(
        [&](const Tensor& x) {
          Tensor y = torch::linear(x, w);
          if (is_other)
            write(y);
          return torch::linear(torch::gelu(y), v);
        },
        random_data({3, 7}, 3));
    model->to_integer();
    EXPECT_NO_THROW(model(random_data({3, 7}, 3)));
    is_other = true;
    EXPECT_ERROR(c10::ValueError, "writes to this tensor, and in integers it shares no memory",
                 model(random_data({3, 7}, 3)));
    model->to_integer(false);
    EXPECT_NO_THROW(model(random_data({3, 7}, 3)));
  }
}

TEST(IntegerBlocks, WhatIsWrittenKeepsItsShape) {
  const at::NoGradGuard no_grad;
  const Tensor w = weight(12, 7, 1), v = weight(5, 12, 2);
  Tensor other = torch::ones({12});
  ff::QuantizedModel model = of(
      [&](const Tensor& x) {
        Tensor y = torch::linear(x, w);
        y.add_(other);
        return torch::linear(torch::layer_norm(y, {12}), v);
      },
      random_data({3, 7}, 3));
  model->to_integer();
  other = torch::ones({4, 1, 12});
  EXPECT_ERROR(c10::Error, "output with shape [3, 12] doesn't match the broadcast shape [4, 3, 12]",
               model(random_data({3, 7}, 3)));
}

TEST(IntegerBlocks, AreInFloatUnderAutocast) {
  const at::NoGradGuard no_grad;
  const Tensor w = weight(40, 40, 1);
  const Tensor input = random_data({4, 30, 40}, 2);
  ff::QuantizedModel model = of(
      [&](const Tensor& x) {
        const Tensor y = torch::linear(x, w);
        return torch::linear(torch::matmul(torch::relu(y), y.transpose(-1, -2)),
                             torch::ones({3, 30}) * 0.1);
      },
      input);
  model->to_integer();
  const Tensor plain = model(input);
  at::autocast::set_autocast_enabled(at::kCPU, true);
  const Tensor mixed = model(input);
  at::autocast::set_autocast_enabled(at::kCPU, false);
  EXPECT_TRUE(torch::allclose(mixed.to(torch::kFloat), plain, 0.03, 0.03));
}

TEST(IntegerBlocks, EmptyAndSmall) {
  const at::NoGradGuard no_grad;
  const Tensor w = weight(6, 6, 5);
  ff::QuantizedModel model =
      of([&](const Tensor& x) { return torch::linear(torch::gelu(torch::linear(x, w)), w); },
         random_data({9, 6}, 6));
  for (const std::vector<int64_t>& sizes :
       std::vector<std::vector<int64_t>>{{6}, {0, 6}, {1, 6}, {2, 0, 6}}) {
    model->to_integer(false);
    const Tensor simulated = model(random_data(sizes, 7));
    model->to_integer();
    const Tensor integer = model(random_data(sizes, 7));
    EXPECT_EQ(integer.sizes(), c10::IntArrayRef(sizes));
    EXPECT_TRUE(torch::allclose(integer, simulated, 0.02, 0.02));
  }
}

TEST(IntegerBlocks, FunctionsBehindConvolutions) {
  torch::nn::Sequential layers(
      torch::nn::Conv2d(torch::nn::Conv2dOptions(3, 40, 3).stride(2).padding(1).bias(false)),
      torch::nn::BatchNorm2d(40), torch::nn::SiLU(),
      torch::nn::Conv2d(torch::nn::Conv2dOptions(40, 40, 5).padding(2).groups(40)),
      torch::nn::GELU(), torch::nn::Conv2d(torch::nn::Conv2dOptions(40, 36, 3).groups(2)),
      torch::nn::Mish(), torch::nn::Conv2d(36, 70, 1), torch::nn::Tanh(),
      torch::nn::Conv2d(70, 5, 1));
  const at::NoGradGuard no_grad;
  uint64_t seed = 1;
  for (Tensor& parameter : layers->parameters())
    parameter.copy_(random_data(parameter.sizes(), seed++) * 0.2);
  layers->eval();
  const Tensor input = random_data({3, 3, 61, 90}, seed);
  ff::QuantizedModel model = ff::autoquantize(layers, input);
  ff::calibrate(model, input);
  const Tensor simulated = model(input);
  model->to_integer();
  const Tensor integer = model(input);
  EXPECT_LE((integer - simulated).abs().mean().item<double>(),
            0.005 * simulated.abs().max().item<double>());
  for (const char* site : {"1.silu", "3.gelu", "5.mish", "7.tanh"})
    EXPECT_EQ(how(model, site), kInBlocks);
  for (const char* site : {"0.conv2d", "1.batch_norm", "3.conv2d", "5.conv2d", "7.conv2d"})
    EXPECT_EQ(how(model, site), "codes");
  EXPECT_EQ(model(random_data({0, 3, 61, 90}, 1)).size(0), 0);
  EXPECT_EQ(model(random_data({1, 3, 11, 13}, 1)).size(0), 1);
}

// Nobody quantizes what comes of them; blocks are computed in calls inside of each other.
TEST(IntegerBlocks, WhatStaysInFloatBehindThem) {
  const Tensor w = weight(300, 40, 1), scale = random_data({300}, 2);
  ff::QuantizedModel model = expect_same(
      [&](const Tensor& x) {
        Tensor y = torch::layer_norm(torch::gelu(torch::linear(x, w)) + 1, {300}, scale);
        for (int i = 0; i < 100; ++i)
          y = torch::tanh(y * 1.1) + 0.01;
        return torch::softmax(y, -1);
      },
      random_data({500, 40}, 4));
  for (const char* site : {"gelu", "add", "layer_norm", "mul", "tanh"})
    EXPECT_EQ(how(model, site), kInBlocks) << site;
}

TEST(IntegerBlocks, ResidualsThatAreReadInFloatToo) {
  const Tensor w = weight(40, 40, 1), v = weight(40, 40, 2);
  ff::QuantizedModel model = expect_same(
      [&](const Tensor& x) {
        const Tensor y = torch::layer_norm(torch::linear(x, w) + x, {40});
        return torch::layer_norm(torch::linear(y, v) + y, {40});
      },
      random_data({500, 40}, 4));
  for (const char* site : {"add", "layer_norm", "add_1", "layer_norm_1"})
    EXPECT_EQ(how(model, site), kInBlocks) << site;
}

// One operator reads the values in the examples, others do so now.
TEST(IntegerBlocks, ValuesThatOthersRead) {
  const at::NoGradGuard no_grad;
  const Tensor w = weight(60, 40, 1), v = weight(4, 60, 2);
  bool is_other = false;
  const Tensor input = random_data({50, 40}, 3);
  ff::QuantizedModel model = of(
      [&](const Tensor& x) {
        const Tensor y = torch::linear(x, w);
        const Tensor z = torch::linear(torch::gelu(y), v);
        return is_other ? z + torch::cos(y).sum() + y.min() : z;
      },
      input);
  is_other = true;
  const Tensor simulated = model(input);
  model->to_integer();
  EXPECT_TRUE(torch::allclose(model(input), simulated, 1e-2, 1e-2));
}

TEST(IntegerBlocks, SayWhyNot) {
  const Tensor x = ff::quantize_per_tensor(random_data({4, 6}, 1), 0.02);
  const auto reason = [](const char* op, const std::vector<c10::IValue>& arguments) {
    const std::vector<ff::dispatch::Refusal> refusals = ff::dispatch::why_not(op, arguments);
    return refusals.empty() ? "" : refusals.back().implementation + ": " + refusals.back().reason;
  };
  EXPECT_EQ(reason("aten::softmax.int", {x, -1, c10::IValue()}),
            "float, in blocks: integers are off; turn them on with ff::IntegerGuard");
  const ff::IntegerGuard integers;
  EXPECT_EQ(reason("aten::softmax.int", {x, -1, c10::IValue()}),
            "float, in blocks: its result is not put on a grid of 8 bits or less");
}

}  // namespace
