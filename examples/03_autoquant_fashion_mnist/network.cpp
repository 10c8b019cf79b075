#include "network.h"

ConvBlockImpl::ConvBlockImpl(int64_t in, int64_t out, int64_t kernel, int64_t stride)
    : conv_(
          torch::nn::Conv2dOptions(in, out, kernel).stride(stride).padding(kernel / 2).bias(false)),
      norm_(out) {
  register_module("conv", conv_);
  register_module("norm", norm_);
}

torch::Tensor ConvBlockImpl::forward(const torch::Tensor& x) {
  return torch::relu(norm_(conv_(x)));
}

NetworkImpl::NetworkImpl()
    : block0_(1, 32, 5, 2),
      block1_(32, 64, 3, 1),
      block2_(64, 128, 3, 1),
      block3_(128, 128, 3, 1),
      classifier_(128, 10) {
  register_module("block0", block0_);
  register_module("block1", block1_);
  register_module("block2", block2_);
  register_module("block3", block3_);
  register_module("classifier", classifier_);
}

torch::Tensor NetworkImpl::forward(const torch::Tensor& images) {
  torch::Tensor x = torch::max_pool2d(block0_(images), 2);
  x = torch::max_pool2d(block1_(x), 2);
  x = block3_(block2_(x));
  return classifier_(x.mean({2, 3}));
}
