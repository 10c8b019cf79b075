#pragma once

#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/container/moduledict.h>
#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/linear.h>

#include "fastforward/nn/quantized_module.h"
#include "fastforward/nn/quantizer_stub.h"

namespace ff::test {

/// A module of the user's own, with quantizers.
struct BlockImpl : torch::nn::Cloneable<BlockImpl>, nn::QuantizedModule {
  BlockImpl() {
    reset();
  }
  void reset() override {
    using namespace nn::default_tags;
    fc = register_module("fc", torch::nn::Linear(4, 4));
    act = register_module("act", torch::nn::ReLU());
    register_quantizer("weight_quantizer", nn::QuantizerMetadata({weight_quantizer}));
    register_quantizer("bias_quantizer", nn::QuantizerMetadata({bias_quantizer}));
    register_quantizer("output_quantizer", nn::QuantizerMetadata({output_quantizer, "head"}));
  }
  torch::nn::Linear fc{nullptr};
  torch::nn::ReLU act{nullptr};
};
TORCH_MODULE(Block);

/// One of a class derived from it.
struct WideBlockImpl : BlockImpl {};
TORCH_MODULE(WideBlock);

/// stem (Conv2d), layers (ModuleList of Block, WideBlock, Sequential(Linear, Tanh)), heads
/// (ModuleDict of "main" Linear and "side 1" Linear), input_quantizer.
struct NestedImpl : torch::nn::Module, nn::QuantizedModule {
  NestedImpl() {
    register_module("stem", torch::nn::Conv2d(torch::nn::Conv2dOptions(3, 4, 3)));
    const auto layers = register_module("layers", torch::nn::ModuleList());
    layers->push_back(Block());
    layers->push_back(WideBlock());
    layers->push_back(torch::nn::Sequential(torch::nn::Linear(4, 4), torch::nn::Tanh()));
    const auto heads = register_module("heads", torch::nn::ModuleDict());
    heads->update(
        {{"main", torch::nn::Linear(4, 2).ptr()}, {"side 1", torch::nn::Linear(4, 2).ptr()}});
    register_quantizer("input_quantizer",
                       nn::QuantizerMetadata({nn::default_tags::input_quantizer}));
  }
};
TORCH_MODULE(Nested);

}  // namespace ff::test
