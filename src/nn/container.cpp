#include "nn/container.h"

#include <torch/nn/modules/container/moduledict.h>
#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/container/sequential.h>

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "fastforward/nn/module_state.h"

namespace ff::nn {
namespace {

using Pointer = std::shared_ptr<torch::nn::Module>;

const torch::nn::Module* pointer_of(const torch::nn::AnyModule& module) {
  return module.ptr().get();
}

const torch::nn::Module* pointer_of(const Pointer& module) {
  return module.get();
}

void assign(torch::nn::AnyModule& entry, const torch::nn::AnyModule& replacement) {
  entry = replacement;
}

void assign(Pointer& entry, const torch::nn::AnyModule& replacement) {
  entry = replacement.ptr();
}

// Containers keep their modules in a list beside the children, in the same order unless a class
// derived from them registers more.
template <typename Container>
bool replace_entry(Container& container, const std::string& name,
                   const torch::nn::AnyModule& replacement) {
  const torch::nn::Module* child = detail::ModuleState::find_child(container, name)->get();
  const std::vector<std::string> names = container.named_children().keys();
  const auto position = std::find(names.begin(), names.end(), name) - names.begin();
  auto entry = container.begin() + std::min(position, container.end() - container.begin());
  const auto is_child = [&](const auto& other) { return pointer_of(other) == child; };
  if (entry == container.end() || !is_child(*entry))
    entry = std::find_if(container.begin(), container.end(), is_child);
  if (entry == container.end())
    return false;
  assign(*entry, replacement);
  container.replace_module(name, replacement.ptr());
  return true;
}

}  // namespace

bool is_container(const torch::nn::Module& module) {
  return module.as<torch::nn::SequentialImpl>() != nullptr ||
         module.as<torch::nn::ModuleListImpl>() != nullptr ||
         module.as<torch::nn::ModuleDictImpl>() != nullptr;
}

bool replace_in_container(torch::nn::Module& parent, const std::string& name,
                          const torch::nn::AnyModule& replacement) {
  if (auto* sequential = parent.as<torch::nn::SequentialImpl>())
    return replace_entry(*sequential, name, replacement);
  if (auto* list = parent.as<torch::nn::ModuleListImpl>())
    return replace_entry(*list, name, replacement);
  auto* dict = parent.as<torch::nn::ModuleDictImpl>();
  if (dict == nullptr || !dict->contains(name))
    return false;
  dict->update(std::vector<std::pair<std::string, Pointer>>{{name, replacement.ptr()}});
  return true;
}

}  // namespace ff::nn
