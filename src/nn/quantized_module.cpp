#include "fastforward/nn/quantized_module.h"

#include <c10/util/Exception.h>

#include <string_view>
#include <utility>

#include "fastforward/core/type_name.h"
#include "fastforward/nn/module_state.h"
#include "fastforward/nn/quantizer_stub.h"

namespace ff::nn {
namespace {

std::string type_name(const QuantizedModule& module) {
  std::string name = unqualified_name(c10::demangle(typeid(module).name()));
  if (std::string_view(name).ends_with("Impl"))
    name.erase(name.size() - 4);
  return name;
}

const torch::nn::Module& module_of(const QuantizedModule& part) {
  const auto* module = dynamic_cast<const torch::nn::Module*>(&part);
  TORCH_CHECK_TYPE(module != nullptr, type_name(part),
                   " derives from ff::nn::QuantizedModule, but not from torch::nn::Module; derive "
                   "it from torch::nn::Cloneable with its own type as well.");
  return *module;
}

std::shared_ptr<QuantizerImpl> find_quantizer(const QuantizedModule& part,
                                              const std::string& name) {
  const auto* child = detail::ModuleState::find_child(module_of(part), name);
  return child == nullptr ? nullptr : std::dynamic_pointer_cast<QuantizerImpl>(*child);
}

std::string listed(const std::set<std::string>& names) {
  std::string list;
  for (const std::string& name : names)
    list += (list.empty() ? "" : ", ") + name;
  return list.empty() ? "no quantizers" : list;
}

}  // namespace

QuantizedModule::QuantizedModule(const QuantizedModule& other)
    : names_(other.names_), path_(other.path_) {
  for (const std::string& name : names_)
    originals_[name] = find_quantizer(other, name);
}

QuantizedModule& QuantizedModule::operator=(const QuantizedModule& other) {
  names_ = other.names_;
  path_ = other.path_;
  return *this;
}

Quantizer QuantizedModule::quantizer(const std::string& name) const {
  std::shared_ptr<QuantizerImpl> found = find_quantizer(*this, name);
  TORCH_CHECK_VALUE(found != nullptr, describe(), " has no quantizer '", name,
                    "'; it has: ", listed(names_), ".");
  return found;
}

std::string QuantizedModule::describe() const {
  return path_.empty() ? type_name(*this) : type_name(*this) + " '" + path_ + "'";
}

void QuantizedModule::register_quantizer(const std::string& name, QuantizerMetadata metadata) {
  register_quantizer(name, QuantizerStub(std::move(metadata)));
}

void QuantizedModule::register_quantizer(const std::string& name, Quantizer first) {
  TORCH_CHECK_VALUE(!first.is_empty(), describe(), ": register_quantizer('", name,
                    "') got an empty quantizer; give a QuantizerStub for a place to fill later.");
  // LibTorch's clone() fills the children that reset() makes, which must be of the same types.
  if (const auto original = originals_[name].lock())
    first = std::dynamic_pointer_cast<QuantizerImpl>(original->clone());
  originals_.erase(name);
  static_cast<void>(module_of(*this));  // Says what is wrong where it is no module.
  dynamic_cast<torch::nn::Module&>(*this).register_module(name, std::move(first));
  names_.insert(name);
}

at::Tensor QuantizedModule::quantized(const std::string& name, const at::Tensor& tensor) const {
  return tensor.defined() && has_quantizer(name) ? quantizer(name)->forward(tensor) : tensor;
}

}  // namespace ff::nn
