#include "fastforward/nn/replace_quantizer.h"

#include <c10/util/Exception.h>
#include <torch/nn/modules/container/any.h>
#include <torch/nn/modules/container/moduledict.h>
#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/container/sequential.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "fastforward/nn/module_state.h"
#include "fastforward/nn/quantized_module.h"

namespace ff::nn {
namespace {

using Pointer = std::shared_ptr<QuantizerImpl>;

std::string listed_quantizers(const torch::nn::Module& parent) {
  std::string list;
  for (const auto& child : parent.named_children()) {
    if (child.value()->as<QuantizerImpl>() != nullptr)
      list += (list.empty() ? "" : ", ") + child.key();
  }
  return list.empty() ? "no quantizers" : list;
}

QuantizerImpl& replaced_quantizer(const torch::nn::Module& parent, const std::string& name) {
  const auto* child = detail::ModuleState::find_child(parent, name);
  TORCH_CHECK_VALUE(child != nullptr && *child != nullptr, "replace_quantizer: ", parent.name(),
                    " has no child '", name, "'; it has: ", listed_quantizers(parent), ".");
  auto* quantizer = (*child)->as<QuantizerImpl>();
  TORCH_CHECK_TYPE(quantizer != nullptr, "replace_quantizer: the child '", name, "' of ",
                   parent.name(), " is a ", (*child)->name(),
                   ", not a quantizer; it has: ", listed_quantizers(parent), ".");
  return *quantizer;
}

const torch::nn::Module* pointer_of(const torch::nn::AnyModule& module) {
  return module.ptr().get();
}

const torch::nn::Module* pointer_of(const std::shared_ptr<torch::nn::Module>& module) {
  return module.get();
}

// Containers keep their modules in a list beside the children, in the same order unless a class
// derived from them registers more. False if the child is not in the list.
template <typename Container>
bool replace_entry(Container& container, const std::string& name, const Pointer& quantizer) {
  const torch::nn::Module* child = detail::ModuleState::find_child(container, name)->get();
  const std::vector<std::string> names = container.named_children().keys();
  const auto position = std::find(names.begin(), names.end(), name) - names.begin();
  auto entry = container.begin() + std::min(position, container.end() - container.begin());
  const auto is_child = [&](const auto& other) { return pointer_of(other) == child; };
  if (entry == container.end() || !is_child(*entry))
    entry = std::find_if(container.begin(), container.end(), is_child);
  if (entry == container.end())
    return false;
  *entry = std::decay_t<decltype(*entry)>(quantizer);
  container.replace_module(name, quantizer);
  return true;
}

bool replace_child(torch::nn::Module& parent, const std::string& name, const Pointer& quantizer) {
  if (const auto* module = dynamic_cast<const QuantizedModule*>(&parent);
      module != nullptr && module->has_quantizer(name)) {
    parent.replace_module(name, quantizer);
    return true;
  }
  if (auto* sequential = parent.as<torch::nn::SequentialImpl>())
    return replace_entry(*sequential, name, quantizer);
  if (auto* list = parent.as<torch::nn::ModuleListImpl>())
    return replace_entry(*list, name, quantizer);
  auto* dict = parent.as<torch::nn::ModuleDictImpl>();
  if (dict == nullptr || !dict->contains(name))
    return false;
  dict->update(
      std::vector<std::pair<std::string, std::shared_ptr<torch::nn::Module>>>{{name, quantizer}});
  return true;
}

}  // namespace

void replace_quantizer(torch::nn::Module& parent, const std::string& name, Quantizer quantizer) {
  TORCH_CHECK_VALUE(!quantizer.is_empty(), "replace_quantizer: the quantizer for '", name, "' of ",
                    parent.name(), " is empty; give a QuantizerStub to pass data on unchanged.");
  const QuantizerImpl& replaced = replaced_quantizer(parent, name);
  const QuantizerMetadata metadata = replaced.metadata();
  const std::string path = replaced.path();
  TORCH_CHECK_TYPE(replace_child(parent, name, quantizer.ptr()),
                   "replace_quantizer: ", parent.name(),
                   " may have a member that still holds the quantizer '", name,
                   "', so it cannot be replaced from outside; derive ", parent.name(),
                   " from ff::nn::QuantizedModule as well, call register_quantizer(\"", name,
                   "\", ...) in reset(), and use it as quantizer(\"", name, "\").");
  if (quantizer->metadata().is_empty())
    quantizer->metadata() = metadata;
  if (quantizer->path().empty())
    quantizer->set_path(path);
}

}  // namespace ff::nn
