#pragma once

#include <memory>
#include <string>
#include <unordered_set>

#include "fastforward/nn/named_quantizers.h"

namespace ff::nn {

/// Calls body(path, module) for `model` itself, with the path "", and all modules below, except
/// those in `seen`; adds them to it, so each comes once.
template <typename Body>
void each_module(const ModuleRef& model, std::unordered_set<const torch::nn::Module*>& seen,
                 const Body& body) {
  const auto visit = [&](const std::string& path,
                         const std::shared_ptr<torch::nn::Module>& module) {
    if (seen.insert(module.get()).second)
      body(path, module);
  };
  // The model itself may be on the stack: a pointer that owns nothing.
  visit("", std::shared_ptr<torch::nn::Module>(std::shared_ptr<void>(), &*model));
  for (const auto& below : (*model).named_modules("", /*include_self=*/false))
    visit(below.key(), below.value());
}

}  // namespace ff::nn
