#pragma once

#include <torch/torch.h>

#include <fastforward/fastforward.h>

#include <vector>

/// Convolution, batch norm and relu. Weight and output have places for quantizers.
class ConvBlockImpl : public torch::nn::Cloneable<ConvBlockImpl> {
 public:
  ConvBlockImpl(int64_t in, int64_t out, int64_t kernel, int64_t stride);
  void reset() override;
  torch::Tensor forward(const torch::Tensor& x);

 private:
  torch::nn::Conv2dOptions options_;
  ff::nn::QuantizedConv2d conv_{nullptr};
  torch::nn::BatchNorm2d norm_{nullptr};
  ff::nn::QuantizedReLU relu_{nullptr};
};
TORCH_MODULE(ConvBlock);

/// A network of 242,410 weights for 28 x 28 grey images and ten classes, in float until rules fill
/// its places: `input_quantizer`, `block<n>.conv.weight_quantizer`,
/// `block<n>.relu.output_quantizer`, `pooled_quantizer`, `classifier.weight_quantizer`, and more
/// that the rules here leave empty.
class NetworkImpl : public torch::nn::Cloneable<NetworkImpl>, public ff::nn::QuantizedModule {
 public:
  NetworkImpl();
  void reset() override;
  /// Returns the scores [N, 10] of normalised images [N, 1, 28, 28].
  torch::Tensor forward(const torch::Tensor& images);

 private:
  std::vector<ConvBlock> blocks_;
  ff::nn::QuantizedLinear classifier_{nullptr};
};
TORCH_MODULE(Network);
