#pragma once

#include <c10/util/Exception.h>
#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "fastforward/core/api.h"
#include "fastforward/nn/quantizer.h"

namespace ff::nn {

/// A module by reference: a Module&, a holder made by TORCH_MODULE, or a shared_ptr. It must
/// outlive the reference.
class FF_API ModuleRef {
 public:
  /// Refers to a module.
  ModuleRef(torch::nn::Module& module) : module_(&module) {}
  /// Refers to what a holder holds.
  template <typename Contained>
  ModuleRef(const torch::nn::ModuleHolder<Contained>& holder) : module_(holder.ptr().get()) {}
  /// Refers to what the pointer owns. Throws c10::ValueError if it is null.
  template <typename ModuleType>
  requires std::derived_from<ModuleType, torch::nn::Module> ModuleRef(
      const std::shared_ptr<ModuleType>& module)
      : module_(module.get()) {
    TORCH_CHECK_VALUE(module != nullptr,
                      "the shared_ptr to the module is null; give a module that was made, for "
                      "example with std::make_shared.");
  }

  /// Returns the module.
  torch::nn::Module& operator*() const {
    return *module_;
  }

 private:
  torch::nn::Module* module_;
};

/// A quantizer and its path in a model.
using NamedQuantizer = std::pair<std::string, std::shared_ptr<QuantizerImpl>>;

/// Returns every quantizer in `module`, itself included, once each, by path, in the order of
/// registration.
///
/// Stubs are left out unless `skip_stubs` is false. Sets the path() of each quantizer, stubs
/// included, and of each QuantizedModule, for messages.
/// Throws c10::ValueError if `module` is a quantizer that no shared_ptr owns; TORCH_MODULE holders
/// do. Source: FastForward's named_quantizers.
FF_API std::vector<NamedQuantizer> named_quantizers(const ModuleRef& module,
                                                    bool skip_stubs = true);

}  // namespace ff::nn
