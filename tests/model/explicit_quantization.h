#pragma once

#include <gtest/gtest.h>
#include <torch/nn/modules/linear.h>
#include <torch/types.h>

#include <algorithm>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "fastforward/model/autoquantize.h"
#include "fastforward/model/calibrate.h"
#include "fastforward/model/quantized_model.h"
#include "fastforward/nn/linear_quantizer.h"
#include "fastforward/nn/named_quantizers.h"
#include "fastforward/quantization/fake_quantize.h"

/// Quantized models once more, written out with ff::fake_quantize: what tests compare with.
namespace ff::test {

/// Paths of sites or quantizers.
using Names = std::vector<std::string>;

/// A model with 8 bits, calibrated with the examples.
inline QuantizedModel quantized(const FloatModel& model, const Examples& examples) {
  QuantizedModel result = autoquantize(model, examples);
  calibrate(result, examples);
  return result;
}

/// In alphabetical order.
inline Names sorted(Names names) {
  std::sort(names.begin(), names.end());
  return names;
}

/// The quantizer at a path.
inline nn::LinearQuantizerImpl& linear_quantizer(const QuantizedModel& model,
                                                 const std::string& path) {
  for (const auto& [name, quantizer] : nn::named_quantizers(model)) {
    if (name == path)
      return dynamic_cast<nn::LinearQuantizerImpl&>(*quantizer);
  }
  throw std::out_of_range("no quantizer " + path);
}

/// Data on the grid of the quantizer at a path.
inline torch::Tensor on_grid(const QuantizedModel& model, const std::string& path,
                             const torch::Tensor& data) {
  const nn::LinearQuantizerImpl& quantizer = linear_quantizer(model, path);
  return ff::fake_quantize(
      data, quantizer.scale,
      quantizer.offset.defined() ? std::optional(quantizer.offset) : std::nullopt,
      quantizer.options.granularity(), quantizer.options.num_bits());
}

/// The paths of all quantizers.
inline Names quantizer_paths(const QuantizedModel& model) {
  Names paths;
  for (const auto& [path, quantizer] : nn::named_quantizers(model))
    paths.push_back(path);
  return paths;
}

/// The paths of all sites.
inline Names site_paths(const QuantizedModel& model) {
  Names paths;
  for (const Site& site : model->sites())
    paths.push_back(site.path);
  return paths;
}

/// Two linear layers with a function between them.
struct TwoLayersImpl : torch::nn::Cloneable<TwoLayersImpl> {
  TwoLayersImpl() {
    reset();
  }
  void reset() override {
    fc1 = register_module("fc1", torch::nn::Linear(4, 8));
    fc2 = register_module("fc2", torch::nn::Linear(8, 3));
  }
  torch::Tensor forward(const torch::Tensor& x) {
    return fc2(torch::relu(fc1(x)));
  }
  torch::nn::Linear fc1 = nullptr, fc2 = nullptr;
};
TORCH_MODULE(TwoLayers);

/// TwoLayers with explicit operations, of weights that may be other ones than the model's.
inline torch::Tensor two_layers_on_grids(const QuantizedModel& model, const torch::Tensor& w1,
                                         const torch::Tensor& b1, const torch::Tensor& w2,
                                         const torch::Tensor& b2, const torch::Tensor& x) {
  const torch::Tensor h = torch::relu(torch::linear(on_grid(model, "inputs.0.output", x),
                                                    on_grid(model, "fc1.addmm.weight", w1), b1));
  return torch::linear(on_grid(model, "fc1.relu.output", h), on_grid(model, "fc2.addmm.weight", w2),
                       b2);
}

/// TwoLayers with explicit operations.
inline torch::Tensor two_layers_on_grids(const QuantizedModel& model, TwoLayers& net,
                                         const torch::Tensor& x) {
  return two_layers_on_grids(model, net->fc1->weight, net->fc1->bias, net->fc2->weight,
                             net->fc2->bias, x);
}

}  // namespace ff::test
