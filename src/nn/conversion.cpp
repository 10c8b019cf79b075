#include "fastforward/nn/conversion.h"

#include <c10/util/Exception.h>
#include <c10/util/Type.h>
#include <torch/nn/modules/dropout.h>
#include <torch/nn/modules/pooling.h>

#include <ostream>
#include <unordered_map>
#include <utility>

#include "fastforward/nn/quantized_activation.h"
#include "fastforward/nn/quantized_attention.h"
#include "fastforward/nn/quantized_conv.h"
#include "fastforward/nn/quantized_embedding.h"
#include "fastforward/nn/quantized_linear.h"
#include "fastforward/nn/quantized_module.h"
#include "fastforward/nn/quantized_normalization.h"
#include "nn/container.h"

namespace ff {
namespace nn {
namespace {

template <typename... Kept>
void keep_all(Conversions& conversions, const std::string& reason) {
  (conversions.keep<Kept>(reason), ...);
}

}  // namespace

Conversions::Conversions() {
  add<torch::nn::LinearImpl, QuantizedLinearImpl>();
  add<torch::nn::Conv1dImpl, QuantizedConv1dImpl>();
  add<torch::nn::Conv2dImpl, QuantizedConv2dImpl>();
  add<torch::nn::Conv3dImpl, QuantizedConv3dImpl>();
  add<torch::nn::ConvTranspose1dImpl, QuantizedConvTranspose1dImpl>();
  add<torch::nn::ConvTranspose2dImpl, QuantizedConvTranspose2dImpl>();
  add<torch::nn::ConvTranspose3dImpl, QuantizedConvTranspose3dImpl>();
  add<torch::nn::EmbeddingImpl, QuantizedEmbeddingImpl>();
  add<torch::nn::LayerNormImpl, QuantizedLayerNormImpl>();
  add<torch::nn::GroupNormImpl, QuantizedGroupNormImpl>();
  add<torch::nn::BatchNorm1dImpl, QuantizedBatchNorm1dImpl>();
  add<torch::nn::BatchNorm2dImpl, QuantizedBatchNorm2dImpl>();
  add<torch::nn::ReLUImpl, QuantizedReLUImpl>();
  add<torch::nn::ReLU6Impl, QuantizedReLU6Impl>();
  add<torch::nn::SiLUImpl, QuantizedSiLUImpl>();
  add<torch::nn::GELUImpl, QuantizedGELUImpl>();
  add<torch::nn::SigmoidImpl, QuantizedSigmoidImpl>();
  add<torch::nn::TanhImpl, QuantizedTanhImpl>();
  add<torch::nn::LeakyReLUImpl, QuantizedLeakyReLUImpl>();
  add<torch::nn::SoftmaxImpl, QuantizedSoftmaxImpl>();
  add<torch::nn::MultiheadAttentionImpl, QuantizedMultiheadAttentionImpl>();
  keep_all<torch::nn::IdentityImpl, torch::nn::FlattenImpl, torch::nn::UnflattenImpl,
           torch::nn::MaxPool1dImpl, torch::nn::MaxPool2dImpl, torch::nn::MaxPool3dImpl>(
      *this, "works on the codes of a quantized tensor");
  keep_all<torch::nn::DropoutImpl, torch::nn::Dropout2dImpl, torch::nn::Dropout3dImpl>(
      *this, "passes quantized tensors on in eval mode");
}

Conversions Conversions::none() {
  Conversions conversions;
  conversions.entries_.clear();
  return conversions;
}

const Conversions::Entry* Conversions::find(const torch::nn::Module& module) const {
  const auto found = entries_.find(typeid(module));
  return found == entries_.end() ? nullptr : &found->second;
}

Conversions& Conversions::add_entry(const std::type_info& type, Entry entry) {
  entries_[type] = std::move(entry);
  return *this;
}

std::string Conversions::type_name(const std::type_info& type) {
  return c10::demangle(type.name());
}

std::ostream& operator<<(std::ostream& stream, const ConversionReport& report) {
  const auto place = [](const std::string& path) {
    return path.empty() ? std::string("the model") : path;
  };
  for (const auto& [path, from, to] : report.converted)
    stream << "converted  " << place(path) << ": " << from << " to " << to << "\n";
  for (const auto& [path, type, reason] : report.kept)
    stream << "kept       " << place(path) << ": " << type << " " << reason << "\n";
  for (const auto& [path, type, reason] : report.missing)
    stream << "missing    " << place(path) << ": " << type << " " << reason << "\n";
  return stream;
}

namespace {

// One run of quantized_modules.
class Conversion {
 public:
  explicit Conversion(const Conversions& conversions) : conversions_(conversions) {}

  void visit_model(torch::nn::Module& model) {
    const Conversions::Entry* entry = conversions_.find(model);
    if (entry != nullptr && entry->convert != nullptr) {
      report_.missing.push_back({"", model.name(),
                                 "is the model itself, which has no place to be "
                                 "replaced in; construct its twin from it"});
      return;
    }
    visit("", model, entry);
  }

  ConversionReport report() && {
    return std::move(report_);
  }

 private:
  void visit(const std::string& path, torch::nn::Module& module, const Conversions::Entry* entry) {
    if (entry != nullptr) {
      report_.kept.push_back({path, module.name(), entry->reason});
      return;
    }
    const bool known =
        is_container(module) || dynamic_cast<const QuantizedModule*>(&module) != nullptr;
    if (!known) {
      report_.missing.push_back({path, module.name(),
                                 "has no known twin; write one and give it to "
                                 "Conversions::add"});
    }
    for (const auto& child : module.named_children()) {
      if (child.value() != nullptr && child.value()->as<QuantizerImpl>() == nullptr)
        visit_child(path.empty() ? child.key() : path + "." + child.key(), module, child.key(),
                    child.value());
    }
  }

  void visit_child(const std::string& path, torch::nn::Module& parent, const std::string& name,
                   const std::shared_ptr<torch::nn::Module>& child) {
    const Conversions::Entry* entry = conversions_.find(*child);
    if (entry == nullptr || entry->convert == nullptr) {
      visit(path, *child, entry);
      return;
    }
    if (!is_container(parent)) {
      report_.missing.push_back({path, child->name(),
                                 "is a member of " + parent.name() +
                                     ", which holds it by its type; declare it there as " +
                                     (entry->twin.empty() ? "its twin" : entry->twin)});
      return;
    }
    const torch::nn::AnyModule& twin = twin_of(child, *entry, path);
    if (!replace_in_container(parent, name, twin)) {
      report_.missing.push_back(
          {path, child->name(), "is registered in " + parent.name() + ", but not in its list"});
      return;
    }
    report_.converted.push_back({path, child->name(), twin.ptr()->name()});
  }

  const torch::nn::AnyModule& twin_of(const std::shared_ptr<torch::nn::Module>& plain,
                                      const Conversions::Entry& entry, const std::string& path) {
    const auto found = twins_.find(plain);
    if (found != twins_.end())
      return found->second;
    torch::nn::AnyModule twin = entry.convert(plain);
    TORCH_CHECK_VALUE(!twin.is_empty(), "quantized_modules: the conversion of ", plain->name(),
                      " '", path,
                      "' returned no module; return its twin, or use Conversions::keep.");
    return twins_.emplace(plain, std::move(twin)).first->second;
  }

  const Conversions& conversions_;
  std::unordered_map<std::shared_ptr<torch::nn::Module>, torch::nn::AnyModule> twins_;
  ConversionReport report_;
};

}  // namespace
}  // namespace nn

nn::ConversionReport quantized_modules(const nn::ModuleRef& model,
                                       const nn::Conversions& conversions) {
  nn::Conversion conversion(conversions);
  conversion.visit_model(*model);
  return std::move(conversion).report();
}

}  // namespace ff
