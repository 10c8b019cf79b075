#include "fastforward/nn/disable_quantization.h"

#include <algorithm>

namespace ff {
namespace {

// The override of DisableQuantization; EnableQuantization finds it by its type.
struct PassOn {
  std::shared_ptr<bool> enabled = std::make_shared<bool>(false);

  at::Tensor operator()(nn::QuantizerImpl&, const nn::NextFunction& next,
                        const at::Tensor& data) const {
    return *enabled ? next(data) : data;
  }
};

using Quantizers = std::vector<std::shared_ptr<nn::QuantizerImpl>>;

Quantizers quantizers_of(const nn::ModuleRef& model) {
  Quantizers result;
  for (const auto& [path, quantizer] : nn::named_quantizers(model))
    result.push_back(quantizer);
  return result;
}

}  // namespace

DisableQuantization::DisableQuantization(const nn::ModuleRef& model)
    : DisableQuantization(quantizers_of(model)) {}

DisableQuantization::DisableQuantization(const Quantizers& quantizers) : relaxed_(false) {
  for (const auto& quantizer : quantizers)
    handles_.push_back(quantizer->register_override(PassOn()));
}

EnableQuantization::EnableQuantization(const nn::ModuleRef& model)
    : EnableQuantization(quantizers_of(model)) {}

EnableQuantization::EnableQuantization(const Quantizers& quantizers) {
  for (const auto& quantizer : quantizers) {
    for (const auto& entry : *quantizer->overrides().entries()) {
      const PassOn* pass_on = entry->function.target<PassOn>();
      if (pass_on == nullptr)
        continue;
      before_.emplace_back(pass_on->enabled, *pass_on->enabled);
      *pass_on->enabled = true;
    }
  }
}

EnableQuantization::~EnableQuantization() {
  for (const auto& [enabled, before] : before_)
    *enabled = before;
}

bool is_quantization_disabled(const nn::QuantizerImpl& quantizer) {
  const auto& entries = *quantizer.overrides().entries();
  return std::any_of(entries.begin(), entries.end(), [](const auto& entry) {
    const PassOn* pass_on = entry->function.template target<PassOn>();
    return pass_on != nullptr && !*pass_on->enabled;
  });
}

DisableQuantization disable_quantization(const nn::ModuleRef& model) {
  return DisableQuantization(model);
}

EnableQuantization enable_quantization(const nn::ModuleRef& model) {
  return EnableQuantization(model);
}

}  // namespace ff
