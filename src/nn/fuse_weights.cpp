#include "fastforward/nn/fuse_weights.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/equal.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "fastforward/nn/quantized_module.h"
#include "fastforward/nn/quantizer_stub.h"
#include "fastforward/tensor/quantized_tensor.h"

namespace ff {
namespace {

using nn::FusedParameters;

// A weight that is to be written, with all quantizers that say the same about it.
struct Target {
  std::string path;
  at::Tensor parameter;
  at::Tensor values;
  std::vector<FusedParameters::Place> places;
};

at::Tensor parameter_of(const torch::nn::Module& module, std::string_view quantizer) {
  constexpr std::string_view kEnd = "_quantizer";
  if (!quantizer.ends_with(kEnd))
    return {};
  const auto parameters = module.named_parameters(/*recurse=*/false);
  const auto* found =
      parameters.find(std::string(quantizer.substr(0, quantizer.size() - kEnd.size())));
  return found == nullptr ? at::Tensor() : *found;
}

void add_target(std::vector<Target>& targets, Target target) {
  const auto tied = std::find_if(targets.begin(), targets.end(), [&](const Target& other) {
    return other.parameter.is_same(target.parameter);
  });
  if (tied == targets.end()) {
    targets.push_back(std::move(target));
    return;
  }
  TORCH_CHECK_VALUE(at::equal(tied->values, target.values), "fuse_weights: the quantizers '",
                    tied->path, "' and '", target.path,
                    "' give one weight, which stands in both modules, different values, and it can "
                    "have the values of one of them only; share one quantizer between both places, "
                    "or give each module a weight of its own.");
  tied->places.insert(tied->places.end(), target.places.begin(), target.places.end());
}

void add_targets(std::vector<Target>& targets, const std::string& path,
                 const std::shared_ptr<torch::nn::Module>& module, const FuseOptions& options) {
  const auto* quantized = dynamic_cast<const nn::QuantizedModule*>(module.get());
  if (quantized == nullptr)
    return;
  for (const std::string& name : quantized->quantizer_names()) {
    const nn::Quantizer quantizer = quantized->quantizer(name);
    const at::Tensor parameter = parameter_of(*module, name);
    if (!parameter.defined() || !quantizer->metadata().has_tag(options.tag) ||
        dynamic_cast<const nn::QuantizerStubImpl*>(quantizer.get()) != nullptr)
      continue;
    const at::Tensor result = quantizer.ptr()->forward(parameter);
    if (result.is_same(parameter))
      continue;
    add_target(targets, {path.empty() ? name : path + "." + name,
                         parameter,
                         is_quantized(result) ? ff::dequantize(result) : result,
                         {{module, name, quantizer}}});
  }
}

}  // namespace

nn::FusedParameters fuse_weights(const nn::ModuleRef& model, const FuseOptions& options) {
  const at::NoGradGuard no_grad;
  std::vector<Target> targets;
  nn::named_quantizers(model);  // Sets the paths that errors name.
  // The model itself may be on the stack.
  const std::shared_ptr<torch::nn::Module> root(std::shared_ptr<void>(), &*model);
  add_targets(targets, "", root, options);
  std::vector<const torch::nn::Module*> seen = {root.get()};
  for (const auto& child : root->named_modules("", /*include_self=*/false)) {
    if (std::find(seen.begin(), seen.end(), child.value().get()) != seen.end())
      continue;
    seen.push_back(child.value().get());
    add_targets(targets, child.key(), child.value(), options);
  }
  FusedParameters fused;
  for (Target& target : targets) {
    if (!options.stub_quantizers)
      target.places.clear();
    fused.add(
        nn::detail::fuse(target.path, target.parameter, target.values, std::move(target.places)));
  }
  return fused;
}

}  // namespace ff
