#pragma once

#include <torch/nn.h>

#include <cstdint>

/// Real networks as anyone would write them, with their data and what is measured on them.
namespace networks {

/// The sizes of one InvertedResidual.
struct InvertedResidualOptions {
  InvertedResidualOptions(int64_t in, int64_t out) : in_(in), out_(out) {}
  /// Channels of the input.
  TORCH_ARG(int64_t, in);
  /// Channels of the output.
  TORCH_ARG(int64_t, out);
  /// Channels inside for each channel of the input; with 1 there is no convolution that widens.
  TORCH_ARG(int64_t, expansion) = 6;
  /// Of the depthwise convolution.
  TORCH_ARG(int64_t, kernel) = 3;
  /// Of the depthwise convolution.
  TORCH_ARG(int64_t, stride) = 1;
};

/// Widens, convolves each channel for itself, narrows; adds the input where sizes are equal
/// (MobileNetV2, arXiv:1801.04381). The modules have the names of efficientnet-lite-pytorch.
class InvertedResidualImpl : public torch::nn::Cloneable<InvertedResidualImpl> {
 public:
  explicit InvertedResidualImpl(const InvertedResidualOptions& options);
  void reset() override;
  /// Returns [N, out, ceil(H / stride), ceil(W / stride)] for [N, in, H, W].
  torch::Tensor forward(const torch::Tensor& x);

  /// What the block was made with.
  InvertedResidualOptions options;

 private:
  torch::nn::Conv2d expand_conv_{nullptr}, depthwise_conv_{nullptr}, project_conv_{nullptr};
  torch::nn::BatchNorm2d bn0_{nullptr}, bn1_{nullptr}, bn2_{nullptr};
};
TORCH_MODULE(InvertedResidual);

/// EfficientNet-Lite0 (arXiv:1905.11946, without squeeze-and-excitation and with relu6): 4.65 M
/// parameters, 49 convolutions, a thousand classes of ImageNet.
///
/// Convolutions are padded as TensorFlow's "same": the output has ceil(size / stride) pixels, and
/// where the padding is odd the larger half is below and to the right. Images of any size. Dropout
/// acts in training; stochastic depth, which belongs to training from scratch, is left out.
class EfficientNetLite0Impl : public torch::nn::Cloneable<EfficientNetLite0Impl> {
 public:
  EfficientNetLite0Impl();
  void reset() override;
  /// Returns the scores [N, 1000] of images [N, 3, H, W], (pixel - 127) / 128 in RGB.
  torch::Tensor forward(const torch::Tensor& images);

 private:
  torch::nn::Conv2d conv_stem_{nullptr}, conv_head_{nullptr};
  torch::nn::BatchNorm2d bn0_{nullptr}, bn1_{nullptr};
  torch::nn::ModuleList blocks_{nullptr};
  torch::nn::Dropout dropout_{nullptr};
  torch::nn::Linear fc_{nullptr};
};
TORCH_MODULE(EfficientNetLite0);

}  // namespace networks
