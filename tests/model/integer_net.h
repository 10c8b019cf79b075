#pragma once

#include <torch/torch.h>

#include <string>

#include "fastforward/model/autoquantize.h"
#include "fastforward/model/calibrate.h"
#include "support/tensors.h"

namespace ff::test {

/// A network with all that integers make one operation of, and with something that they do not.
struct NetImpl : torch::nn::Cloneable<NetImpl> {
  NetImpl() {
    reset();
  }
  void reset() override {
    first =
        register_module("first", torch::nn::Conv2d(torch::nn::Conv2dOptions(3, 8, 3).padding(1)));
    norm = register_module("norm", torch::nn::BatchNorm2d(8));
    second = register_module("second", torch::nn::Conv2d(torch::nn::Conv2dOptions(8, 8, 1)));
    head = register_module("head", torch::nn::Linear(8, 5));
    const at::NoGradGuard no_grad;
    uint64_t seed = 1;
    for (torch::Tensor& parameter : parameters())
      parameter.copy_(random_data(parameter.sizes(), seed++) * 0.3);
    norm->running_mean.copy_(random_data({8}, seed++) * 0.1);
    norm->running_var.copy_(random_data({8}, seed++).abs() + 0.5);
  }
  torch::Tensor forward(const torch::Tensor& x) {
    torch::Tensor y = torch::relu(norm(first(x)));
    y = torch::silu(second(y)) + y;
    return head(torch::adaptive_avg_pool2d(y, {1, 1}).flatten(1));
  }
  torch::nn::Conv2d first{nullptr}, second{nullptr};
  torch::nn::BatchNorm2d norm{nullptr};
  torch::nn::Linear head{nullptr};
};
TORCH_MODULE(Net);

/// Its inputs.
inline torch::Tensor images(int64_t batch, uint64_t seed = 5, int64_t size = 8) {
  return random_data({batch, 3, size, size}, seed);
}

/// It, quantized and calibrated.
inline ff::QuantizedModel net(const ff::QuantizationConfig& config = ff::presets::w8a8()) {
  Net model;
  model->eval();
  ff::QuantizedModel quantized = ff::autoquantize(model, images(2), config);
  ff::calibrate(quantized, images(4));
  return quantized;
}

/// How the calls of a site ran in integers, as the coverage says it.
inline std::string how(const ff::QuantizedModel& model, const std::string& site) {
  for (const ff::CallCoverage& call : model->coverage().calls) {
    if (call.site == site)
      return call.integers;
  }
  return "no site " + site;
}

}  // namespace ff::test
