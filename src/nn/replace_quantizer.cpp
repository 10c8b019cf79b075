#include "fastforward/nn/replace_quantizer.h"

#include <c10/util/Exception.h>
#include <torch/nn/modules/container/any.h>

#include "fastforward/nn/module_state.h"
#include "fastforward/nn/quantized_module.h"
#include "nn/container.h"

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

bool replace_child(torch::nn::Module& parent, const std::string& name, const Pointer& quantizer) {
  const auto* module = dynamic_cast<const QuantizedModule*>(&parent);
  if (module == nullptr || !module->has_quantizer(name))
    return replace_in_container(parent, name, torch::nn::AnyModule(quantizer));
  parent.replace_module(name, quantizer);
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
