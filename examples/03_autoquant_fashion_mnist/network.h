#pragma once

#include <torch/torch.h>

/// Convolution, batch norm and relu.
class ConvBlockImpl : public torch::nn::Module {
 public:
  ConvBlockImpl(int64_t in, int64_t out, int64_t kernel, int64_t stride);
  torch::Tensor forward(const torch::Tensor& x);

 private:
  torch::nn::Conv2d conv_;
  torch::nn::BatchNorm2d norm_;
};
TORCH_MODULE(ConvBlock);

/// A network of 242,410 weights for 28 x 28 grey images and ten classes.
class NetworkImpl : public torch::nn::Module {
 public:
  NetworkImpl();
  /// Returns the scores [N, 10] of normalised images [N, 1, 28, 28].
  torch::Tensor forward(const torch::Tensor& images);

 private:
  ConvBlock block0_, block1_, block2_, block3_;
  torch::nn::Linear classifier_;
};
TORCH_MODULE(Network);
