#pragma once

#include <torch/torch.h>

#include <memory>
#include <string>
#include <vector>

#include "fastforward/nn/dynamic_linear_quantizer.h"
#include "fastforward/nn/linear_quantizer.h"
#include "fastforward/nn/quantized_linear.h"
#include "fastforward/nn/replace_quantizer.h"
#include "support/tensors.h"

/// Models that are saved and loaded.
namespace ff::test {

/// Two layers with places for quantizers, and a buffer.
struct NetImpl : torch::nn::Module {
  explicit NetImpl(int64_t hidden = 6) {
    fc1 = register_module("fc1", nn::QuantizedLinear(4, hidden));
    fc2 = register_module("fc2", nn::QuantizedLinear(hidden, 3));
    steps = register_buffer("steps", torch::tensor({7}, torch::kLong));
  }
  torch::Tensor forward(const torch::Tensor& x) {
    return fc2->forward(fc1->forward(x));
  }
  nn::QuantizedLinear fc1 = nullptr, fc2 = nullptr;
  torch::Tensor steps;
};
TORCH_MODULE(Net);

inline void put(torch::nn::Module& layer, const std::string& name, nn::Quantizer quantizer) {
  nn::replace_quantizer(layer, name, std::move(quantizer));
}

/// Fills the places with quantizers of several kinds; some are shared, some stay stubs.
inline void fill_places(Net& net) {
  nn::LinearQuantizer weight(nn::LinearQuantizerOptions(4).granularity(PerChannel(0)));
  const int64_t rows = net->fc1->weight.size(0);
  weight->set_quantization_range(-random_data({rows}, 1).abs() - 0.1,
                                 random_data({rows}, 2).abs() + 0.1);
  put(*net->fc1, "weight_quantizer", nn::Quantizer(weight.ptr()));
  weight->metadata().attributes()["note"] = std::string("first layer");

  nn::LinearQuantizer input(nn::LinearQuantizerOptions(8).symmetric(false));
  input->set_quantization_range(-1.7, 3.1);
  input->scale.set_requires_grad(false);
  put(*net->fc1, "input_quantizer", nn::Quantizer(input.ptr()));
  put(*net->fc2, "input_quantizer", nn::Quantizer(input.ptr()));

  put(*net->fc2, "weight_quantizer",
      nn::Quantizer(
          nn::LinearQuantizer(nn::LinearQuantizerOptions(3).allow_one_sided(false)).ptr()));
  put(*net->fc2, "output_quantizer",
      nn::Quantizer(nn::DynamicLinearQuantizer(
                        nn::DynamicLinearQuantizerOptions(6).granularity(PerBlock({1}, {3}, {0})))
                        .ptr()));
}

/// A module whose two weights are one.
struct TiedImpl : torch::nn::Module {
  explicit TiedImpl(bool is_tied = true) {
    embedding = register_parameter("embedding", torch::rand({100, 50}));
    decoder = register_parameter("decoder", is_tied ? embedding : torch::rand({100, 50}));
  }
  torch::Tensor embedding, decoder;
};
TORCH_MODULE(Tied);

}  // namespace ff::test
