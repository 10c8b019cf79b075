#pragma once

#include <torch/torch.h>

#include <fastforward/fastforward.h>

#include <vector>

/// How many bits a network computes with.
struct Bits {
  /// Bits of all weights, one scale for each output channel.
  int64_t weights = 8;
  /// Bits of all activations, one scale and offset for each tensor. The images keep 8, as they
  /// come.
  int64_t activations = 8;
};

/// Convolution, batch norm and relu; the weight and the output have quantizers.
class ConvBlockImpl : public torch::nn::Module {
 public:
  ConvBlockImpl(int64_t in, int64_t out, int64_t kernel, int64_t stride, Bits bits);
  torch::Tensor forward(const torch::Tensor& x);

 private:
  torch::nn::Conv2d conv_{nullptr};
  torch::nn::BatchNorm2d norm_{nullptr};
  ff::nn::LinearQuantizer weight_quantizer_{nullptr};
  ff::nn::LinearQuantizer output_quantizer_{nullptr};
};
TORCH_MODULE(ConvBlock);

/// A network of 242,410 weights for 28 x 28 grey images and ten classes, with a quantizer at each
/// weight and each activation. Whether they are on is the caller's choice
/// (ff::disable_quantization).
class NetworkImpl : public torch::nn::Module {
 public:
  explicit NetworkImpl(Bits bits);
  /// Returns the scores [N, 10] of normalised images [N, 1, 28, 28].
  torch::Tensor forward(const torch::Tensor& images);

  /// The quantizers of the weights.
  std::vector<ff::nn::NamedQuantizer> weight_quantizers();
  /// The quantizers of the images and of all activations.
  std::vector<ff::nn::NamedQuantizer> activation_quantizers();

 private:
  ff::nn::LinearQuantizer input_quantizer_{nullptr};
  std::vector<ConvBlock> blocks_;
  ff::nn::LinearQuantizer pooled_quantizer_{nullptr};
  torch::nn::Linear classifier_{nullptr};
  ff::nn::LinearQuantizer classifier_weight_quantizer_{nullptr};
};
TORCH_MODULE(Network);

/// Copies the weights, batch-norm statistics and whatever else has an equal name and shape, but no
/// quantizer's range.
void copy_weights(const Network& from, Network& to);
