#include "network.h"

namespace tags = ff::nn::default_tags;

ConvBlockImpl::ConvBlockImpl(int64_t in, int64_t out, int64_t kernel, int64_t stride)
    : options_(torch::nn::Conv2dOptions(in, out, kernel)
                   .stride(stride)
                   .padding(kernel / 2)
                   .bias(false)) {
  reset();
}

void ConvBlockImpl::reset() {
  conv_ = register_module("conv", ff::nn::QuantizedConv2d(options_));
  norm_ = register_module("norm", torch::nn::BatchNorm2d(options_.out_channels()));
  relu_ = register_module("relu", ff::nn::QuantizedReLU());
}

torch::Tensor ConvBlockImpl::forward(const torch::Tensor& x) {
  return relu_(norm_(conv_(x)));
}

NetworkImpl::NetworkImpl() {
  reset();
}

void NetworkImpl::reset() {
  register_quantizer("input_quantizer", ff::nn::QuantizerMetadata({tags::input_quantizer}));
  blocks_.clear();
  const auto add = [&](int64_t in, int64_t out, int64_t kernel, int64_t stride) {
    blocks_.push_back(register_module("block" + std::to_string(blocks_.size()),
                                      ConvBlock(in, out, kernel, stride)));
  };
  add(1, 32, 5, 2);
  add(32, 64, 3, 1);
  add(64, 128, 3, 1);
  add(128, 128, 3, 1);
  register_quantizer("pooled_quantizer", ff::nn::QuantizerMetadata({tags::output_quantizer}));
  classifier_ = register_module("classifier", ff::nn::QuantizedLinear(128, 10));
}

torch::Tensor NetworkImpl::forward(const torch::Tensor& images) {
  // A simulation: operators without a quantized implementation work on dequantized values.
  const ff::StrictGuard relaxed(false);
  torch::Tensor x = quantized("input_quantizer", images);
  x = torch::max_pool2d(blocks_[0](x), 2);  // stays quantized
  x = torch::max_pool2d(blocks_[1](x), 2);
  x = blocks_[3](blocks_[2](x));
  return classifier_(quantized("pooled_quantizer", x.mean({2, 3})));
}
