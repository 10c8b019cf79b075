#include "fastforward/nn/module_state.h"

#include <ATen/core/grad_mode.h>
#include <c10/util/Exception.h>
#include <torch/nn/cloneable.h>

// torch::nn::Module lets only its Cloneable reach what a clone needs. This is one of ours.
template <>
class torch::nn::Cloneable<ff::nn::detail::ModuleState> {
 public:
  static void clear(Module& module) {
    module.parameters_.clear();
    module.buffers_.clear();
    module.children_.clear();
  }

  static const std::shared_ptr<Module>* find_child(const Module& module, const std::string& name) {
    return module.children_.find(name);
  }

  static void append_tensors(const Module& module, std::vector<Tensor>& tensors) {
    for (const auto* own : {&module.parameters_, &module.buffers_}) {
      for (const auto& entry : *own) {
        if (entry.value().defined())
          tensors.push_back(entry.value());
      }
    }
    for (const auto& child : module.children_)
      append_tensors(*child.value(), tensors);
  }

  static void forget_name(Module& module) {
    module.name_.reset();
  }

  static void fill(Module& copy, const Module& original, const std::optional<Device>& device) {
    const NoGradGuard no_grad;
    fill_tensors(copy.parameters_, original.parameters_, device, "parameter");
    fill_tensors(copy.buffers_, original.buffers_, device, "buffer");
    check_count(copy.children_.size(), original.children_.size(), "child module");
    for (const auto& child : original.children_)
      copy.children_[child.key()]->clone_(*child.value(), device);
  }

 private:
  using Tensors = OrderedDict<std::string, Tensor>;

  static void check_count(size_t got, size_t expected, const char* what) {
    TORCH_CHECK(got == expected, "clone: reset() registered ", got, " ", what,
                "s, but the original has ", expected, "; register each ", what,
                " in reset(), not in the constructor.");
  }

  static void fill_tensors(Tensors& copies, const Tensors& originals,
                           const std::optional<Device>& device, const char* what) {
    check_count(copies.size(), originals.size(), what);
    for (const auto& original : originals) {
      const Tensor& tensor = original.value();
      if (!tensor.defined())
        continue;
      const bool moves = device.has_value() && tensor.device() != *device;
      Tensor& copy = copies[original.key()];
      copy.set_data(moves ? tensor.to(*device) : tensor.clone());
      copy.set_requires_grad(tensor.requires_grad());
    }
  }
};

namespace ff::nn::detail {
namespace {

using Reach = torch::nn::Cloneable<ModuleState>;

}  // namespace

void ModuleState::clear(torch::nn::Module& copy) {
  Reach::clear(copy);
}

void ModuleState::fill(torch::nn::Module& copy, const torch::nn::Module& original,
                       const std::optional<torch::Device>& device) {
  Reach::fill(copy, original, device);
}

const std::shared_ptr<torch::nn::Module>* ModuleState::find_child(const torch::nn::Module& module,
                                                                  const std::string& name) {
  return Reach::find_child(module, name);
}

void ModuleState::append_tensors(const torch::nn::Module& module,
                                 std::vector<at::Tensor>& tensors) {
  Reach::append_tensors(module, tensors);
}

void ModuleState::forget_name(torch::nn::Module& module) {
  Reach::forget_name(module);
}

}  // namespace ff::nn::detail
