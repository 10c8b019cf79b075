#include <ATen/ops/convolution.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/randn.h>
#include <fastforward/dispatch/integer_guard.h>
#include <fastforward/nn/functional/conv.h>
#include <fastforward/nn/functional/linear.h>
#include <fastforward/nn/linear_quantizer.h>
#include <fastforward/quantization/affine.h>
#include <fastforward/tensor/quantized_tensor.h>

#include "compare.h"
#include "float_peer.h"
#include "questions.h"

// Layers on codes, codes out, against LibTorch's on floats.
namespace bench {
namespace {

using Compute = std::function<at::Tensor()>;

// The output of a layer on the grid that its values have.
struct Quantized {
  std::function<at::Tensor(const ff::nn::functional::FunctionalOptions&)> layer;
  ff::nn::LinearQuantizer quantizer;

  at::Tensor operator()() const {
    return layer({.output_quantizer = quantizer});
  }
};

at::Tensor codes_of(const at::Tensor& values) {
  const double range = values.abs().max().item<double>();
  return ff::quantize_per_tensor(values, range / 127);
}

at::Tensor weight_codes_of(const at::Tensor& values) {
  const at::Tensor range = values.flatten(1).abs().amax(1);
  return ff::quantize_per_channel(values, range / 127, std::nullopt, 0);
}

Contest against(const Compute& plain, Quantized layer) {
  const at::Tensor values = plain();
  layer.quantizer->set_quantization_range(values.min().item<double>(), values.max().item<double>());
  const auto integers = [layer] {
    const ff::IntegerGuard guard;
    return layer();
  };
  const auto check = [=] {
    const at::NoGradGuard no_grad;
    const at::Tensor ours = ff::codes(integers()).to(at::kInt);
    // The last bit: one in 10,000, and a few of a small result.
    const double few = 4.0 / static_cast<double>(ours.numel());
    expect_same("codes", ours, ff::codes(layer()).to(at::kInt), {at::ones({1}), 1e-4 + few});
  };
  return {{"integers", integers}, float_peer(plain), std::nullopt, check};
}

ff::nn::LinearQuantizer eight_bits() {
  return ff::nn::LinearQuantizer(ff::nn::LinearQuantizerOptions(8).symmetric(false));
}

Contest linear(int64_t rows, int64_t depth, int64_t channels) {
  const at::Tensor x = at::randn({rows, depth}), w = at::randn({channels, depth}),
                   bias = at::randn({channels});
  const at::Tensor x_codes = codes_of(x), w_codes = weight_codes_of(w);
  return against([=] { return at::linear(x, w, bias); }, {[=](const auto& options) {
                                                            return ff::nn::functional::linear(
                                                                x_codes, w_codes, bias, options);
                                                          },
                                                          eight_bits()});
}

struct Convolution {
  int64_t batch, in, size, out, window, groups;
};

Contest convolution(const Convolution& sizes) {
  const auto [batch, in, size, out, window, groups] = sizes;
  const int64_t padding = window / 2;
  const at::Tensor x = at::randn({batch, in, size, size}),
                   w = at::randn({out, in / groups, window, window}), bias = at::randn({out});
  const auto plain = [&](at::MemoryFormat format) -> Compute {
    return [x = x.contiguous(format), w = w.contiguous(format), bias, padding, groups = groups] {
      const int64_t one = 1, zero = 0;
      return at::convolution(x, w, bias, one, padding, one, false, zero, groups);
    };
  };
  const at::Tensor x_codes = codes_of(x.contiguous(at::MemoryFormat::ChannelsLast)),
                   w_codes = weight_codes_of(w);
  const auto options =
      torch::nn::functional::Conv2dFuncOptions().bias(bias).padding(padding).groups(groups);
  const at::NoGradGuard no_grad;
  return against(
      fastest({plain(at::MemoryFormat::Contiguous), plain(at::MemoryFormat::ChannelsLast)}),
      {[=](const auto& more) {
         return ff::nn::functional::conv2d(x_codes, w_codes, options, more);
       },
       eight_bits()});
}

}  // namespace

std::vector<Benchmark> integer(const Sizes& sizes) {
  const bool is_small = sizes.dram <= Sizes::kUnit;
  const auto of_convolution = [=](Convolution all) {
    if (is_small) {
      all.batch = 1;
      all.size = 14;
    }
    return [=] { return convolution(all); };
  };
  return {{"integer/linear/256x1024x1024",
           {6, {}},
           [=] { return linear(is_small ? 16 : 256, 1024, is_small ? 64 : 1024); }},
          {"integer/linear/1x4096x4096",
           {6, {}},
           [=] { return linear(1, is_small ? 256 : 4096, is_small ? 256 : 4096); }},
          {"integer/conv/8x64x56x56", {3.5, {}}, of_convolution({8, 64, 56, 64, 3, 1})},
          {"integer/pointwise/8x24x56x56", {5, {}}, of_convolution({8, 24, 56, 144, 1, 1})},
          {"integer/depthwise/8x144x56x56", {1.8, {}}, of_convolution({8, 144, 56, 144, 3, 144})}};
}

}  // namespace bench
