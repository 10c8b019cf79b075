#include "efficientnet_lite0.h"

#include <algorithm>

namespace networks {
namespace {

namespace nn = torch::nn;

constexpr int64_t kStemChannels = 32;
constexpr int64_t kHeadChannels = 1280;
constexpr int64_t kClasses = 1000;

// Blocks of equal sizes; the first one has the stride.
struct Stage {
  int64_t expansion, kernel, stride, channels, repeats;
};
constexpr Stage kStages[] = {{1, 3, 1, 16, 1}, {6, 3, 2, 24, 2},  {6, 5, 2, 40, 2},
                             {6, 3, 2, 80, 3}, {6, 5, 1, 112, 3}, {6, 5, 2, 192, 4},
                             {6, 3, 1, 320, 1}};

nn::Conv2d conv(int64_t in, int64_t out, int64_t kernel, int64_t stride = 1, int64_t groups = 1) {
  return nn::Conv2d(nn::Conv2dOptions(in, out, kernel).stride(stride).groups(groups).bias(false));
}

nn::BatchNorm2d batch_norm(int64_t channels) {
  return nn::BatchNorm2d(nn::BatchNorm2dOptions(channels).eps(1e-3).momentum(0.01));
}

int64_t missing_pixels(int64_t size, int64_t kernel, int64_t stride) {
  const int64_t outputs = (size + stride - 1) / stride;
  return std::max<int64_t>((outputs - 1) * stride + kernel - size, 0);
}

torch::Tensor same_conv(nn::Conv2d& conv, const torch::Tensor& x) {
  const int64_t kernel = conv->options.kernel_size()->at(0);
  const int64_t stride = conv->options.stride()->at(0);
  const int64_t rows = missing_pixels(x.size(2), kernel, stride);
  const int64_t columns = missing_pixels(x.size(3), kernel, stride);
  if (rows == 0 && columns == 0) {
    return conv(x);
  }
  return conv(
      torch::constant_pad_nd(x, {columns / 2, columns - columns / 2, rows / 2, rows - rows / 2}));
}

}  // namespace

InvertedResidualImpl::InvertedResidualImpl(const InvertedResidualOptions& options)
    : options(options) {
  InvertedResidualImpl::reset();
}

void InvertedResidualImpl::reset() {
  const int64_t inner = options.in() * options.expansion();
  if (options.expansion() != 1) {
    expand_conv_ = register_module("_expand_conv", conv(options.in(), inner, 1));
    bn0_ = register_module("_bn0", batch_norm(inner));
  }
  depthwise_conv_ = register_module("_depthwise_conv",
                                    conv(inner, inner, options.kernel(), options.stride(), inner));
  bn1_ = register_module("_bn1", batch_norm(inner));
  project_conv_ = register_module("_project_conv", conv(inner, options.out(), 1));
  bn2_ = register_module("_bn2", batch_norm(options.out()));
}

torch::Tensor InvertedResidualImpl::forward(const torch::Tensor& x) {
  torch::Tensor y = x;
  if (expand_conv_) {
    y = torch::relu6(bn0_(expand_conv_(y)));
  }
  y = torch::relu6(bn1_(same_conv(depthwise_conv_, y)));
  y = bn2_(project_conv_(y));
  return options.stride() == 1 && options.in() == options.out() ? y + x : y;
}

EfficientNetLite0Impl::EfficientNetLite0Impl() {
  EfficientNetLite0Impl::reset();
}

void EfficientNetLite0Impl::reset() {
  conv_stem_ = register_module("_conv_stem", conv(3, kStemChannels, 3, 2));
  bn0_ = register_module("_bn0", batch_norm(kStemChannels));
  blocks_ = register_module("_blocks", nn::ModuleList());
  int64_t channels = kStemChannels;
  for (const Stage& stage : kStages) {
    for (int64_t repeat = 0; repeat < stage.repeats; ++repeat) {
      blocks_->push_back(InvertedResidual(InvertedResidualOptions(channels, stage.channels)
                                              .expansion(stage.expansion)
                                              .kernel(stage.kernel)
                                              .stride(repeat == 0 ? stage.stride : 1)));
      channels = stage.channels;
    }
  }
  conv_head_ = register_module("_conv_head", conv(channels, kHeadChannels, 1));
  bn1_ = register_module("_bn1", batch_norm(kHeadChannels));
  dropout_ = register_module("_dropout", nn::Dropout(0.2));
  fc_ = register_module("_fc", nn::Linear(kHeadChannels, kClasses));
}

torch::Tensor EfficientNetLite0Impl::forward(const torch::Tensor& images) {
  torch::Tensor x = torch::relu6(bn0_(same_conv(conv_stem_, images)));
  for (const auto& block : *blocks_) {
    x = block->as<InvertedResidual>()->forward(x);
  }
  x = torch::relu6(bn1_(conv_head_(x)));
  x = torch::adaptive_avg_pool2d(x, {1, 1}).view({x.size(0), -1});
  return fc_(dropout_(x));
}

}  // namespace networks
