#pragma once

#include <torch/types.h>

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "fastforward/fastforward.h"

namespace golden {

/// One case of a family: its JSON, and its tensors by name.
struct Case {
  nlohmann::json json;
  std::map<std::string, torch::Tensor> tensors;

  /// The tensor `name`; throws if the case has none.
  const torch::Tensor& at(const std::string& name) const;
  /// The tensor `name` if the case has it.
  std::optional<torch::Tensor> find(const std::string& name) const;
  /// The case's granularity, PerTensor() if it names none.
  ff::Granularity granularity() const;
  /// The RangeOptions of the case.
  ff::RangeOptions range_options() const;
};

/// All cases of a family, NAME.json and NAME.safetensors in `folder`.
std::vector<Case> read_family(const std::filesystem::path& folder, const std::string& name);

/// True if shape, type and every bit are equal, but for the sign of zeros (docs/numerics.md).
bool same_bits(const torch::Tensor& ours, const torch::Tensor& expected);

/// True if all integers are equal, whatever the types.
bool same_codes(const torch::Tensor& ours, const torch::Tensor& expected);

/// True if shapes are equal and values differ by at most `relative`, of the value, or of the
/// tensor's largest one where a sum of both signs has cancelled (`of_largest`, a hundredth by
/// default).
bool close(const torch::Tensor& ours, const torch::Tensor& expected, double relative,
           double of_largest = 0.01);

}  // namespace golden
