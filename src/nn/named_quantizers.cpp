#include "fastforward/nn/named_quantizers.h"

#include <c10/util/Exception.h>

#include <unordered_set>

#include "fastforward/nn/quantized_module.h"
#include "fastforward/nn/quantizer_stub.h"

namespace ff::nn {

std::vector<NamedQuantizer> named_quantizers(const ModuleRef& module, bool skip_stubs) {
  std::vector<NamedQuantizer> found;
  std::unordered_set<const QuantizerImpl*> seen;
  std::unordered_set<const QuantizedModule*> paths_seen;
  const auto visit = [&](const std::string& path,
                         const std::shared_ptr<torch::nn::Module>& candidate) {
    if (auto* quantized = dynamic_cast<QuantizedModule*>(candidate.get());
        quantized != nullptr && paths_seen.insert(quantized).second)
      quantized->set_path(path);
    auto quantizer = std::dynamic_pointer_cast<QuantizerImpl>(candidate);
    if (quantizer == nullptr || !seen.insert(quantizer.get()).second)
      return;
    if (!path.empty())
      quantizer->set_path(path);
    if (skip_stubs && dynamic_cast<const QuantizerStubImpl*>(quantizer.get()) != nullptr)
      return;
    found.emplace_back(path, std::move(quantizer));
  };
  // A module that is no quantizer need not be owned by a shared_ptr itself.
  if (const auto* quantizer = dynamic_cast<const QuantizerImpl*>(&*module)) {
    const std::shared_ptr<torch::nn::Module> owned = (*module).weak_from_this().lock();
    TORCH_CHECK_VALUE(owned != nullptr, "named_quantizers: ", quantizer->describe(),
                      " is not owned by a shared_ptr; make it with its holder, like "
                      "ff::nn::LinearQuantizer quantizer(8), or with std::make_shared.");
    visit("", owned);
  }
  for (const auto& child : (*module).named_modules("", /*include_self=*/false))
    visit(child.key(), child.value());
  return found;
}

}  // namespace ff::nn
