#pragma once

#include <gtest/gtest.h>
#include <torch/types.h>

#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "fastforward/model/quantized_model.h"
#include "fastforward/nn/linear_quantizer.h"
#include "fastforward/nn/named_quantizers.h"
#include "fastforward/quantization/fake_quantize.h"

/// Quantized models once more, written out with ff::fake_quantize: what tests compare with.
namespace ff::test {

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
inline std::vector<std::string> quantizer_paths(const QuantizedModel& model) {
  std::vector<std::string> paths;
  for (const auto& [path, quantizer] : nn::named_quantizers(model))
    paths.push_back(path);
  return paths;
}

/// The paths of all sites.
inline std::vector<std::string> site_paths(const QuantizedModel& model) {
  std::vector<std::string> paths;
  for (const Site& site : model->sites())
    paths.push_back(site.path);
  return paths;
}

}  // namespace ff::test
