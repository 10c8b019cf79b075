#pragma once

#include <torch/nn/module.h>

#include <filesystem>
#include <string>
#include <vector>

namespace networks {

/// Copies all parameters and buffers of a module from the tensors of equal names in a safetensors
/// file, also to another device. Those named in `unused` are not for the module and may be in the
/// file or not.
///
/// Throws c10::ValueError, before the module changes, if a tensor of the module is not in the file,
/// the file has another one, or a shape or type differs; all of them are listed.
void load_weights(torch::nn::Module& module, const std::filesystem::path& file,
                  const std::vector<std::string>& unused = {});

}  // namespace networks
