#include "network.h"

namespace {

using ff::nn::LinearQuantizer;
using ff::nn::LinearQuantizerOptions;
namespace tags = ff::nn::default_tags;

// Symmetric, a scale for each output channel.
LinearQuantizer weight_quantizer(int64_t bits) {
  LinearQuantizer quantizer(
      LinearQuantizerOptions(bits).allow_one_sided(false).granularity(ff::PerChannel(0)));
  quantizer->metadata().add_tag(tags::weight_quantizer);
  return quantizer;
}

// A scale and an offset for the whole tensor.
LinearQuantizer activation_quantizer(int64_t bits, const ff::nn::Tag& tag) {
  LinearQuantizer quantizer(LinearQuantizerOptions(bits).symmetric(false));
  quantizer->metadata().add_tag(tag);
  return quantizer;
}

std::vector<ff::nn::NamedQuantizer> with_tag(torch::nn::Module& module, const ff::nn::Tag& tag) {
  std::vector<ff::nn::NamedQuantizer> found = ff::nn::named_quantizers(module);
  std::erase_if(found, [&](const auto& named) { return !named.second->metadata().has_tag(tag); });
  return found;
}

}  // namespace

ConvBlockImpl::ConvBlockImpl(int64_t in, int64_t out, int64_t kernel, int64_t stride, Bits bits) {
  const auto options =
      torch::nn::Conv2dOptions(in, out, kernel).stride(stride).padding(kernel / 2).bias(false);
  conv_ = register_module("conv", torch::nn::Conv2d(options));
  norm_ = register_module("norm", torch::nn::BatchNorm2d(out));
  weight_quantizer_ = register_module("weight_quantizer", weight_quantizer(bits.weights));
  output_quantizer_ = register_module(
      "output_quantizer", activation_quantizer(bits.activations, tags::output_quantizer));
}

torch::Tensor ConvBlockImpl::forward(const torch::Tensor& x) {
  const torch::Tensor weight = weight_quantizer_(conv_->weight);
  const torch::Tensor y =
      torch::conv2d(x, weight, {}, conv_->options.stride(),
                    std::get<torch::ExpandingArray<2>>(conv_->options.padding()));
  return output_quantizer_(torch::relu(norm_(y)));
}

NetworkImpl::NetworkImpl(Bits bits) {
  input_quantizer_ =
      register_module("input_quantizer", activation_quantizer(8, tags::input_quantizer));
  const auto add = [&](int64_t in, int64_t out, int64_t kernel, int64_t stride) {
    blocks_.push_back(register_module("block" + std::to_string(blocks_.size()),
                                      ConvBlock(in, out, kernel, stride, bits)));
  };
  add(1, 32, 5, 2);
  add(32, 64, 3, 1);
  add(64, 128, 3, 1);
  add(128, 128, 3, 1);
  pooled_quantizer_ = register_module(
      "pooled_quantizer", activation_quantizer(bits.activations, tags::output_quantizer));
  classifier_ = register_module("classifier", torch::nn::Linear(128, 10));
  classifier_weight_quantizer_ =
      register_module("classifier_weight_quantizer", weight_quantizer(bits.weights));
}

torch::Tensor NetworkImpl::forward(const torch::Tensor& images) {
  // A simulation: operators without a quantized implementation work on dequantized values.
  const ff::StrictGuard relaxed(false);
  torch::Tensor x = input_quantizer_(images);
  x = torch::max_pool2d(blocks_[0](x), 2);  // stays quantized
  x = torch::max_pool2d(blocks_[1](x), 2);
  x = blocks_[3](blocks_[2](x));
  x = pooled_quantizer_(x.mean({2, 3}));
  return torch::linear(x, classifier_weight_quantizer_(classifier_->weight), classifier_->bias);
}

std::vector<ff::nn::NamedQuantizer> NetworkImpl::weight_quantizers() {
  return with_tag(*this, tags::weight_quantizer);
}

std::vector<ff::nn::NamedQuantizer> NetworkImpl::activation_quantizers() {
  return with_tag(*this, tags::activation_quantizer);
}

void copy_weights(const Network& from, Network& to) {
  const torch::NoGradGuard no_grad;
  const auto copy = [](const auto& sources, const auto& targets) {
    for (const auto& source : sources) {
      const torch::Tensor* target = targets.find(source.key());
      if (source.key().find("quantizer") == std::string::npos && target != nullptr) {
        target->copy_(source.value());
      }
    }
  };
  copy(from->named_parameters(), to->named_parameters());
  copy(from->named_buffers(), to->named_buffers());
}
