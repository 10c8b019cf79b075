#pragma once

#include <torch/nn/module.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fastforward/core/api.h"

namespace ff::nn::detail {

/// What torch::nn::Module keeps private, and a clone or a change of its children needs
/// (docs/libtorch.md).
struct FF_API ModuleState {
  /// Forgets what is registered in `copy`, so that reset() can register it anew.
  static void clear(torch::nn::Module& copy);
  /// Copies parameters, buffers and children of any shape from `original` into `copy`.
  static void fill(torch::nn::Module& copy, const torch::nn::Module& original,
                   const std::optional<torch::Device>& device);
  /// Returns the child `name`, null if there is none.
  static const std::shared_ptr<torch::nn::Module>* find_child(const torch::nn::Module& module,
                                                              const std::string& name);
  /// Appends parameters and buffers of a module and of all below it, a tensor that is there twice
  /// twice, without making up their names as parameters() does.
  static void append_tensors(const torch::nn::Module& module, std::vector<at::Tensor>& tensors);
  /// Forgets the name of the type that `module` had when name() was asked first.
  static void forget_name(torch::nn::Module& module);
};

}  // namespace ff::nn::detail
