#include <ATen/Context.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>
#include <fastforward/dispatch/integer_guard.h>
#include <fastforward/nn/functional/conv.h>
#include <fastforward/nn/linear_quantizer.h>
#include <fastforward/quantization/affine.h>
#include <fastforward/tensor/quantized_tensor.h>

#include <cmath>
#include <iostream>

#include "compare.h"
#include "questions.h"

// Depthwise convolutions on codes, codes out, against LibTorch's operator for that.
namespace bench {
namespace {

using Compute = std::function<at::Tensor()>;
using Arguments = std::vector<c10::IValue>;

constexpr const char* kPack = "onednn::qconv_prepack";
constexpr const char* kRun = "onednn::qconv2d_pointwise";
constexpr int64_t kBias = 128;  // LibTorch's codes are uint8, ours int8

struct Convolution {
  int64_t channels, size, window, stride;
};

// EfficientNet-Lite0 on images of 224 x 224.
constexpr Convolution kConvolutions[] = {
    {32, 112, 3, 1}, {96, 112, 3, 2}, {144, 56, 3, 1}, {144, 56, 5, 2},
    {240, 28, 5, 1}, {240, 28, 3, 2}, {480, 14, 3, 1}, {480, 14, 3, 1},
    {480, 14, 5, 1}, {672, 14, 5, 1}, {672, 14, 5, 1}, {672, 14, 5, 2},
    {1152, 7, 5, 1}, {1152, 7, 5, 1}, {1152, 7, 5, 1}, {1152, 7, 3, 1}};

// The same layer twice; both give codes.
struct Layer {
  Compute ours, peer;
};

at::Tensor call(const c10::OperatorHandle& function, Arguments arguments) {
  function.callBoxed(arguments);
  return arguments[0].toTensor();
}

// The codes of both grids have the same scale and offset.
Compute libtorch(const at::Tensor& x, const at::Tensor& w, const at::Tensor& w_scale,
                 const at::Tensor& bias, const Convolution& sizes, int64_t padding,
                 const ff::nn::LinearQuantizer& grid) {
  const at::Tensor codes = ff::codes(x).to(at::kInt).add_(kBias).to(at::kByte);
  const double scale = grid->scale.item<double>();
  const int64_t zero = kBias - std::lround(grid->offset.item<double>());
  const c10::List<int64_t> stride({sizes.stride, sizes.stride}), paddings({padding, padding}),
      dilation({1, 1});
  const auto find = [](const char* name) {
    return c10::Dispatcher::singleton().findSchemaOrThrow(name, "");
  };
  const at::Tensor packed = call(find(kPack), {ff::codes(w), w_scale, scale, zero, stride, paddings,
                                               dilation, sizes.channels, codes.sizes()});
  const at::Tensor w_zeros = at::zeros({sizes.channels}, at::kInt);
  const Arguments arguments = {
      codes,    scale,     zero,           packed,
      w_scale,  w_zeros,   bias,           stride,
      paddings, dilation,  sizes.channels, scale,
      zero,     at::kByte, "none",         c10::List<std::optional<at::Scalar>>(),
      ""};
  return [=, run = find(kRun)] { return call(run, arguments); };
}

Layer layer(int64_t batch, const Convolution& sizes) {
  const auto [channels, size, window, stride] = sizes;
  // With stride 2 the network has one more line of border below and to the right: here it is in the
  // image.
  const int64_t border = window - stride, padding = border / 2, image = size + border % 2;
  // Codes in and out are as after ReLU6. Half of the results are clipped.
  constexpr double kMost = 6;
  ff::nn::LinearQuantizer grid(ff::nn::LinearQuantizerOptions(8).symmetric(false));
  grid->set_quantization_range(0, kMost);
  const at::Tensor x = grid((at::rand({batch, channels, image, image}) * kMost)
                                .contiguous(at::MemoryFormat::ChannelsLast));
  const at::Tensor values = at::randn({channels, 1, window, window}) / window;
  const at::Tensor w_scale = values.flatten(1).abs().amax(1) / 127;
  const at::Tensor w = ff::quantize_per_channel(values, w_scale, std::nullopt, 0);
  const at::Tensor bias = at::randn({channels});
  const auto options =
      torch::nn::functional::Conv2dFuncOptions().bias(bias).stride(stride).padding(padding).groups(
          channels);
  return {[=] {
            const ff::IntegerGuard guard;
            return ff::nn::functional::conv2d(x, w, options, {.output_quantizer = grid});
          },
          libtorch(x, w, w_scale, bias, sizes, padding, grid)};
}

Contest convolutions(int64_t batch) {
  const at::NoGradGuard no_grad;
  std::vector<Layer> layers;
  for (const Convolution& sizes : kConvolutions)
    layers.push_back(layer(batch, sizes));
  const auto all = [=](Compute Layer::*way) {
    return [=] {
      const at::NoGradGuard no_grad;
      for (const Layer& layer : layers)
        (layer.*way)();
    };
  };
  const auto check = [=] {
    const at::NoGradGuard no_grad;
    for (const Layer& layer : layers) {
      // Near the middle between two codes: 12 of 3,600,000 were seen.
      expect_same("codes", ff::codes(layer.ours()).to(at::kInt),
                  layer.peer().to(at::kInt).sub_(kBias), {at::ones({1}), 1e-4});
    }
  };
  return {
      {"integers", all(&Layer::ours)}, Contestant{kRun, all(&Layer::peer)}, std::nullopt, check};
}

bool has_operators() {
  const auto is_there = [](const char* name) {
    return c10::Dispatcher::singleton().findSchema({name, ""}).has_value();
  };
  if (at::hasMKLDNN() && is_there(kPack) && is_there(kRun))
    return true;
  std::cerr << "ff_bench: integer/depthwise/effnet left out: this LibTorch has no " << kRun << '\n';
  return false;
}

}  // namespace

std::vector<Benchmark> integer_depthwise(const Sizes& sizes) {
  if (!has_operators())
    return {};
  const int64_t batch = sizes.dram <= Sizes::kUnit ? 1 : 8;
  return {{"integer/depthwise/effnet", {2, {}}, [=] { return convolutions(batch); }}};
}

}  // namespace bench
