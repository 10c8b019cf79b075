#pragma once

#include <torch/nn/module.h>
#include <torch/nn/modules/container/any.h>

#include <string>

namespace ff::nn {

/// True for torch::nn::Sequential, ModuleList, ModuleDict, and what derives from them.
bool is_container(const torch::nn::Module& module);

/// Puts `replacement` in the place of the child `name` of a container. False, and nothing is
/// changed, if `parent` is no container or the child is not in its list.
bool replace_in_container(torch::nn::Module& parent, const std::string& name,
                          const torch::nn::AnyModule& replacement);

}  // namespace ff::nn
