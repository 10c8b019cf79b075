#include "fastforward/nn/freeze_parameters.h"

#include <map>
#include <unordered_set>
#include <utility>

#include "fastforward/tensor/quantized_tensor.h"

namespace ff {
namespace {

using nn::FusedParameters;

using Places = std::map<nn::QuantizerImpl*, std::vector<FusedParameters::Place>>;

void add_places(Places& places, const std::shared_ptr<torch::nn::Module>& module) {
  for (const auto& child : module->named_children()) {
    if (auto* quantizer = child.value()->as<nn::QuantizerImpl>()) {
      places[quantizer].push_back(
          {module, child.key(), std::dynamic_pointer_cast<nn::QuantizerImpl>(child.value())});
    }
  }
}

}  // namespace

FreezeParameters::FreezeParameters(const nn::ModuleRef& model, bool stub_quantizers)
    : FreezeParameters(std::vector<nn::ModuleRef>{model}, stub_quantizers) {}

FreezeParameters::FreezeParameters(const std::vector<nn::ModuleRef>& modules, bool stub_quantizers)
    : relaxed_(false), fused_(std::make_shared<FusedParameters>()) {
  Places places;
  std::unordered_set<const torch::nn::Module*> seen;
  const auto parameters = std::make_shared<std::unordered_set<const c10::TensorImpl*>>();
  for (const nn::ModuleRef& module : modules) {
    nn::named_quantizers(module);  // Sets the paths.
    for (const at::Tensor& parameter : (*module).parameters())
      parameters->insert(parameter.unsafeGetTensorImpl());
    // The model itself may be on the stack.
    if (seen.insert(&*module).second)
      add_places(places, std::shared_ptr<torch::nn::Module>(std::shared_ptr<void>(), &*module));
    for (const auto& child : (*module).named_modules("", /*include_self=*/false)) {
      if (seen.insert(child.value().get()).second)
        add_places(places, child.value());
    }
  }
  for (const auto& [quantizer, own_places] : places) {
    handles_.push_back(quantizer->register_override(
        [fused = fused_, parameters, stub_quantizers, own_places = own_places](
            nn::QuantizerImpl& self, const nn::NextFunction& next, const at::Tensor& data) {
          if (parameters->count(data.unsafeGetTensorImpl()) == 0)
            return data;
          const at::Tensor result = next(data);
          if (!result.is_same(data)) {
            fused->add(nn::detail::fuse(
                self.path(), data, is_quantized(result) ? ff::dequantize(result) : result,
                stub_quantizers ? own_places : std::vector<FusedParameters::Place>()));
          }
          return data;
        }));
  }
}

FreezeParameters freeze_parameters(const nn::ModuleRef& model, bool stub_quantizers) {
  return FreezeParameters(model, stub_quantizers);
}

}  // namespace ff
