#include <torch/torch.h>

#include <functional>
#include <string>
#include <vector>

#include "fastforward/dispatch/integer_guard.h"
#include "fastforward/dispatch/operators.h"
#include "fastforward/model/autoquantize.h"
#include "fastforward/model/calibrate.h"
#include "fastforward/model/parity.h"
#include "fastforward/nn/functional/activation.h"
#include "fastforward/nn/functional/arithmetic.h"
#include "fastforward/nn/linear_quantizer.h"
#include "fastforward/quantization/affine.h"
#include "fastforward/tensor/quantized_tensor.h"
#include "support/tensors.h"

// Functions, arithmetic, averages and moves of codes against the simulation.
namespace {

using ff::test::random_data;
using ff::test::same;
using Function = std::function<torch::Tensor(const torch::Tensor&)>;

// The site of an operator between an input on a grid and a product that wants its result on one.
ff::SiteParity site_of(const std::string& op, const Function& function, const torch::Tensor& x) {
  const at::NoGradGuard no_grad;
  const auto rows = [=](const torch::Tensor& input) {
    const torch::Tensor result = function(input);
    return result.dim() > 2 ? result.flatten(1) : result;
  };
  const torch::Tensor weight = random_data({3, rows(x).size(1)}, 9);
  const ff::FloatModel model(
      [=](const torch::Tensor& input) { return torch::linear(rows(input), weight); });
  ff::QuantizedModel quantized = ff::autoquantize(model, x);
  ff::calibrate(quantized, x);
  for (const ff::SiteParity& site : ff::parity(quantized, x).sites) {
    if (site.op == op)
      return site;
  }
  return {};
}

void expect_equal(const std::string& op, const Function& function, const torch::Tensor& x) {
  const ff::SiteParity site = site_of(op, function, x);
  EXPECT_TRUE(site.is_integer) << op;
  EXPECT_GT(site.codes, 0) << op;
  EXPECT_EQ(site.equal, site.codes) << op;
}

void expect_float(const std::string& op, const Function& function, const torch::Tensor& x) {
  EXPECT_FALSE(site_of(op, function, x).is_integer) << op;
}

torch::Tensor images() {
  return random_data({2, 6, 7, 5}, 1);
}

TEST(FormsOfFunctions, EqualTheSimulation) {
  const std::vector<std::pair<std::string, Function>> functions = {
      {"relu", [](auto& x) { return torch::relu(x); }},
      {"relu6", [](auto& x) { return torch::relu6(x); }},
      {"hardtanh", [](auto& x) { return torch::hardtanh(x, -0.4, 0.7); }},
      {"clamp", [](auto& x) { return torch::clamp(x, -0.3, 0.9); }},
      {"clamp_min", [](auto& x) { return torch::clamp_min(x, -0.3); }},
      {"leaky_relu", [](auto& x) { return torch::leaky_relu(x, 0.1); }},
      {"elu", [](auto& x) { return torch::elu(x); }},
      {"celu", [](auto& x) { return torch::celu(x); }},
      {"gelu", [](auto& x) { return torch::gelu(x); }},
      {"silu", [](auto& x) { return torch::silu(x); }},
      {"mish", [](auto& x) { return torch::mish(x); }},
      {"hardswish", [](auto& x) { return torch::hardswish(x); }},
      {"hardsigmoid", [](auto& x) { return torch::hardsigmoid(x); }},
      {"sigmoid", [](auto& x) { return torch::sigmoid(x); }},
      {"tanh", [](auto& x) { return torch::tanh(x); }},
      {"softplus", [](auto& x) { return torch::softplus(x); }},
      {"abs", [](auto& x) { return torch::abs(x); }},
      {"exp", [](auto& x) { return torch::exp(x); }},
      {"square", [](auto& x) { return torch::square(x); }},
      {"pow", [](auto& x) { return torch::pow(x, 3); }},
      {"mul", [](auto& x) { return x * 0.3; }},
      {"add", [](auto& x) { return x + 1.5; }},
      {"rsub", [](auto& x) { return torch::rsub(x, 1.5); }},
      {"sub", [](auto& x) { return torch::sub(torch::full({}, 1.5), x); }},
      {"div", [](auto& x) { return x / 3; }}};
  for (const auto& [name, function] : functions)
    expect_equal("aten::" + name, function, images());
}

TEST(FormsOfFunctions, EachArgumentHasItsOwnTable) {
  for (const double slope : {0.1, 0.2, 0.1})
    expect_equal(
        "aten::leaky_relu", [=](auto& x) { return torch::leaky_relu(x, slope); }, images());
}

TEST(FormsOfArithmetic, EqualsTheSimulation) {
  const torch::Tensor x = images();
  expect_equal(
      "aten::add", [](auto& x) { return x + torch::relu(x); }, x);
  expect_equal(
      "aten::sub", [](auto& x) { return x - torch::tanh(x); }, x);
  expect_equal(
      "aten::mul", [](auto& x) { return x * torch::sigmoid(x); }, x);
  expect_equal(
      "aten::add", [](auto& x) { return x + x; }, x);
}

// Two inputs on grids of their own.
torch::Tensor combine(const torch::Tensor& a, const torch::Tensor& b, bool multiply) {
  ff::nn::LinearQuantizer quantizer(ff::nn::LinearQuantizerOptions(8).symmetric(false));
  const torch::Tensor values =
      multiply ? a.dequantize() * b.dequantize() : a.dequantize() + b.dequantize();
  quantizer->set_quantization_range(values.min().item<double>() * 0.9,
                                    values.max().item<double>() * 0.9 + 0.01);
  const ff::nn::functional::FunctionalOptions options{.output_quantizer = quantizer};
  const auto run = [&] {
    return multiply ? ff::nn::functional::mul(a, b, options)
                    : ff::nn::functional::add(a, b, 1, options);
  };
  const torch::Tensor simulated = run();
  const ff::IntegerGuard integers;
  const torch::Tensor result = run();
  EXPECT_TRUE(same(ff::codes(result).contiguous(), ff::codes(simulated).contiguous()));
  return result;
}

TEST(FormsOfArithmetic, BroadcastsAndTakesAnyStrides) {
  const auto grid = [](const torch::Tensor& values, double scale, double offset) {
    return ff::quantize_per_tensor(values, scale, offset);
  };
  const torch::Tensor x = grid(random_data({2, 6, 7, 5}, 1), 0.02, 3);
  const torch::Tensor last =
      grid(random_data({2, 6, 7, 5}, 2).contiguous(at::MemoryFormat::ChannelsLast), 0.015, -128);
  const std::vector<torch::Tensor> others = {
      grid(random_data({2, 6, 7, 5}, 2), 0.03, -7),
      last,
      grid(random_data({5}, 3), 0.03, 127),
      grid(random_data({2, 6, 1, 1}, 4), 0.01, 0),
      grid(random_data({1}, 5), 0.01, 0),
      grid(random_data({5, 7, 6, 2}, 6).permute({3, 2, 1, 0}), 0.01, 0),
      grid(random_data({2, 6, 14, 10}, 7).slice(2, 0, 14, 2).slice(3, 1, 10, 2), 0.01, 0)};
  for (const bool multiply : {false, true}) {
    for (const torch::Tensor& other : others) {
      combine(x, other, multiply);
      combine(other, x, multiply);
      combine(last, other, multiply);
    }
  }
}

TEST(FormsOfArithmetic, ScalesThatDifferMuch) {
  const torch::Tensor x = random_data({4, 50}, 1);
  for (const double factor : {1e-6, 1e-3, 1e3, 1e6}) {
    combine(ff::quantize_per_tensor(x, 0.01), ff::quantize_per_tensor(x * factor, 0.01 * factor),
            false);
    combine(ff::quantize_per_tensor(x, 0.01), ff::quantize_per_tensor(x * factor, 0.01 * factor),
            true);
  }
}

TEST(FormsOfArithmetic, EmptyTensors) {
  const torch::Tensor none = ff::quantize_per_tensor(torch::empty({0, 4}), 0.1);
  ff::nn::LinearQuantizer quantizer(8);
  quantizer->set_quantization_range(-1, 1);
  const ff::IntegerGuard integers;
  EXPECT_EQ(ff::nn::functional::add(none, none, 1, {.output_quantizer = quantizer}).sizes(),
            none.sizes());
  EXPECT_EQ(ff::nn::functional::relu(none, {.output_quantizer = quantizer}).sizes(), none.sizes());
}

TEST(FormsOfAverages, AreAtMostOneApart) {
  const auto expect_near = [](const std::string& op, const Function& function,
                              const torch::Tensor& x) {
    const ff::SiteParity site = site_of(op, function, x);
    EXPECT_TRUE(site.is_integer) << op;
    EXPECT_LE(site.largest, 1) << op;
    EXPECT_GE(site.share(), 0.999) << op;
  };
  const torch::Tensor x = random_data({3, 20, 8, 12}, 1);
  for (const torch::Tensor& data : {x, x.contiguous(at::MemoryFormat::ChannelsLast)}) {
    expect_near(
        "aten::adaptive_avg_pool2d",
        [](auto& t) {
          return torch::adaptive_avg_pool2d(t, {1, 1});
        },
        data);
    expect_near(
        "aten::adaptive_avg_pool2d",
        [](auto& t) {
          return torch::adaptive_avg_pool2d(t, {4, 3});
        },
        data);
    expect_near(
        "aten::mean",
        [](auto& t) {
          return t.mean(at::IntArrayRef{2, 3});
        },
        data);
    expect_near(
        "aten::mean",
        [](auto& t) {
          return t.mean(at::IntArrayRef{-1, -2}, true);
        },
        data);
    expect_near(
        "aten::avg_pool2d",
        [](auto& t) {
          return torch::avg_pool2d(t, {2, 2});
        },
        data);
    expect_near(
        "aten::avg_pool2d",
        [](auto& t) {
          return torch::avg_pool2d(t, {3, 3}, {2, 2}, {1, 1});
        },
        data);
    expect_near(
        "aten::avg_pool2d",
        [](auto& t) {
          return torch::avg_pool2d(t, {3, 2}, {1, 2}, {1, 0}, false, true, 4);
        },
        data);
  }
  expect_near(
      "aten::avg_pool1d", [](auto& t) { return torch::avg_pool1d(t, {3}, {2}, {1}); },
      random_data({3, 5, 17}, 2));
  expect_near(
      "aten::avg_pool3d",
      [](auto& t) {
        return torch::avg_pool3d(t, {2, 2, 2});
      },
      random_data({2, 3, 4, 6, 4}, 3));
}

TEST(FormsOfAverages, WhatTheyDoNotTake) {
  const torch::Tensor x = images();
  expect_float(
      "aten::avg_pool2d",
      [](auto& t) {
        return torch::avg_pool2d(t, {3, 3}, {2, 2}, {1, 1}, false, false);
      },
      x);
  expect_float(
      "aten::avg_pool2d",
      [](auto& t) {
        return torch::avg_pool2d(t, {2, 2}, {2, 2}, {0, 0}, true);
      },
      x);
  expect_float(
      "aten::adaptive_avg_pool2d",
      [](auto& t) {
        return torch::adaptive_avg_pool2d(t, {3, 3});
      },
      x);
  expect_float(
      "aten::mean", [](auto& t) { return t.mean(at::IntArrayRef{1}); }, x);
}

TEST(FormsOfMoves, EqualTheSimulation) {
  const torch::Tensor x = images();
  expect_equal(
      "aten::constant_pad_nd",
      [](auto& t) {
        return at::constant_pad_nd(t, {1, 2, 0, 1});
      },
      x);
  expect_equal(
      "aten::pad",
      [](auto& t) {
        return at::pad(t, {1, 2, 0, 1});
      },
      x);
  expect_equal(
      "aten::pad",
      [](auto& t) {
        return at::pad(t, {-1, 2, 0, -1});
      },
      x);
  expect_equal(
      "aten::max_pool2d",
      [](auto& t) {
        return torch::max_pool2d(t, {2, 2});
      },
      x);
  expect_equal(
      "aten::flatten", [](auto& t) { return t.flatten(1); }, x);
}

// Rows of a weight, for ids of any shape: bit for bit the values of the simulation.
TEST(FormsOfMoves, EmbeddingsTakeRowsOfCodes) {
  const at::NoGradGuard no_grad;
  const torch::Tensor weight = random_data({20, 6}, 1);
  for (const bool per_channel : {true, false}) {
    const ff::FloatModel model(
        [=](const torch::Tensor& ids) { return torch::embedding(weight, ids) * 2.0; });
    ff::QuantizedModel quantized =
        ff::autoquantize(model, torch::arange(20),
                         ff::presets::with_bits({.weight_bits = 8, .per_channel = per_channel}));
    ff::calibrate(quantized, torch::arange(20));
    for (const torch::Tensor& ids : {torch::arange(20), torch::arange(6).view({2, 3}) * 3,
                                     torch::zeros({2, 0}, torch::kLong)}) {
      const torch::Tensor simulated = quantized(ids);
      quantized->to_integer();
      EXPECT_TRUE(same(quantized(ids), simulated));
      EXPECT_EQ(quantized->coverage().calls[0].integers, "codes");
      quantized->to_integer(false);
    }
  }
}

// Why the last implementation that is asked does not take a call in integers.
std::string refusal(const std::string& name, std::vector<c10::IValue> arguments) {
  const ff::IntegerGuard integers;
  const auto refusals = ff::dispatch::why_not(name, arguments);
  return refusals.empty() ? "" : refusals.front().implementation + ": " + refusals.front().reason;
}

TEST(Forms, SayWhyNot) {
  const torch::Tensor x = ff::quantize_per_tensor(images(), 0.02, 3.0);
  const torch::Tensor shifted = ff::quantize_per_tensor(images().abs() + 6, 0.02, 250.0);
  const torch::Tensor wide = ff::quantize_per_tensor(images(), 0.02, 3.0, 12);
  const std::string no_grid = "its result is not put on a grid of 8 bits or less";
  EXPECT_EQ(refusal("aten::relu", {x}), "table of codes: " + no_grid);
  EXPECT_EQ(refusal("aten::relu", {wide}),
            "table of codes: the input: its codes have type Short, and integers take 8 bits at "
            "most");
  EXPECT_EQ(refusal("aten::add.Tensor", {x, images(), 1}),
            "arithmetic of codes: its operand 'other' is not quantized");
  EXPECT_EQ(refusal("aten::add.Tensor", {x, x, 2}),
            "arithmetic of codes: its factor alpha is 2, and integers take 1");
  EXPECT_EQ(refusal("aten::constant_pad_nd", {shifted, std::vector<int64_t>{1, 1}, 0}),
            "pad codes: the grid of the input has no code for 0, with which it is padded");
  EXPECT_EQ(refusal("aten::pad", {x, std::vector<int64_t>{1, 1}, "wrap", c10::IValue()}),
            "pad codes: its mode is 'wrap'");
  EXPECT_EQ(refusal("aten::matmul", {x, images()}),
            "linear in integers: its right operand is no matrix of weights");
}

}  // namespace
