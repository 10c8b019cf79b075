#pragma once

#include <torch/nn/modules/container/any.h>

#include <functional>
#include <iosfwd>
#include <memory>
#include <string>
#include <typeindex>
#include <unordered_map>
#include <vector>

#include "fastforward/core/api.h"
#include "fastforward/nn/named_quantizers.h"

namespace ff {
namespace nn {

/// Which module takes the place of which, for ff::quantized_modules: one entry for each type.
///
///     ff::nn::Conversions conversions;
///     conversions.add<MyBlockImpl, QuantizedMyBlockImpl>();
///     conversions.keep<torch::nn::SoftmaxImpl>("stays in float");
///
/// A module is matched by its type itself; classes derived from it need an entry of their own,
/// since a conversion would drop what they add. Source: FastForward's quantized_module_map and
/// SKIP_QUANTIZATION.
class FF_API Conversions {
 public:
  /// Makes a quantized module of a plain one.
  using Function = std::function<torch::nn::AnyModule(const std::shared_ptr<torch::nn::Module>&)>;
  /// What happens to modules of one type.
  struct Entry {
    /// Makes the twin; empty for modules that are kept.
    Function convert;
    /// The twin's type, for messages; "" if unknown.
    std::string twin;
    /// Why modules of the type are kept.
    std::string reason;
  };

  /// All layers of LibTorch that have a twin here; Identity, Flatten, Unflatten, the max poolings
  /// and the dropouts are kept, since they take quantized tensors.
  Conversions();
  /// No entries.
  static Conversions none();

  /// Converts `Plain` to `Twin`, which is made from a const Plain&, as QuantizedLayers are.
  /// Replaces an earlier entry.
  template <typename Plain, typename Twin>
  Conversions& add() {
    return add_entry(typeid(Plain), {[](const std::shared_ptr<torch::nn::Module>& plain) {
                                       return torch::nn::AnyModule(std::make_shared<Twin>(
                                           dynamic_cast<const Plain&>(*plain)));
                                     },
                                     type_name(typeid(Twin)), ""});
  }
  /// Converts `Plain` by a function.
  template <typename Plain>
  Conversions& add(std::function<torch::nn::AnyModule(const std::shared_ptr<Plain>&)> convert) {
    return add_entry(
        typeid(Plain),
        {[convert = std::move(convert)](const std::shared_ptr<torch::nn::Module>& plain) {
           return convert(std::dynamic_pointer_cast<Plain>(plain));
         },
         "", ""});
  }
  /// Keeps modules of type `Plain` as they are. The report gives `reason`.
  template <typename Plain>
  Conversions& keep(std::string reason) {
    return add_entry(typeid(Plain), {nullptr, "", std::move(reason)});
  }

  /// Returns the entry of a module's type, null if there is none.
  const Entry* find(const torch::nn::Module& module) const;

 private:
  Conversions& add_entry(const std::type_info& type, Entry entry);
  static std::string type_name(const std::type_info& type);

  std::unordered_map<std::type_index, Entry> entries_;
};

/// What ff::quantized_modules did.
struct FF_API ConversionReport {
  /// A module that was replaced.
  struct Converted {
    /// Where it is.
    std::string path;
    /// Its type before.
    std::string from;
    /// Its type now.
    std::string to;
  };
  /// A module that stays as it is.
  struct Unchanged {
    /// Where it is, "" for the model itself.
    std::string path;
    /// Its type.
    std::string type;
    /// Why.
    std::string reason;
  };

  /// What was replaced.
  std::vector<Converted> converted;
  /// What needs no twin, or was to be kept.
  std::vector<Unchanged> kept;
  /// What has no twin, or could not be replaced: its work is not quantized.
  std::vector<Unchanged> missing;
};

/// Writes one line for each module.
FF_API std::ostream& operator<<(std::ostream& stream, const ConversionReport& report);

}  // namespace nn

/// Replaces the layers of a model made of LibTorch's containers (Sequential, ModuleList,
/// ModuleDict, nested) by their quantized twins, in place.
///
/// Twins take over parameters and buffers themselves, `requires_grad`, and the training mode; so
/// optimizers stay valid. Their quantizers are stubs. A module in two places stays one module.
/// Members of a module of the user's own are typed and cannot be replaced from outside; they are
/// listed as missing, as is everything without an entry in `conversions`. QuantizedModules are left
/// as they are.
///
///     std::cout << ff::quantized_modules(model);
///
/// Not safe while another thread uses the model. Source: FastForward's quantize_model, which
/// changes the class of each module and throws if one has no counterpart.
FF_API nn::ConversionReport quantized_modules(const nn::ModuleRef& model,
                                              const nn::Conversions& conversions = {});

}  // namespace ff
