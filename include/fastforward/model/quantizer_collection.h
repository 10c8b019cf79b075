#pragma once

#include <concepts>
#include <functional>
#include <iosfwd>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "fastforward/core/api.h"
#include "fastforward/model/mpath.h"
#include "fastforward/nn/disable_quantization.h"
#include "fastforward/nn/metadata.h"
#include "fastforward/nn/named_quantizers.h"
#include "fastforward/nn/quantizer.h"

namespace ff {

/// What to do where a quantizer stands already. A QuantizerStub is none.
enum class OverwritePolicy {
  kError,     ///< throw
  kSkip,      ///< leave it
  kOverwrite  ///< replace it
};

/// Makes the quantizer for a place: `path` is its name in the model, `present` what stands there.
using QuantizerFactory =
    std::function<nn::Quantizer(const std::string& path, const nn::QuantizerImpl& present)>;

/// Returns a factory that makes quantizers of type `Holder` with `options`, which may be a function
/// of the metadata that returns options.
///
///     ff::make_quantizers<ff::nn::LinearQuantizer>(ff::nn::LinearQuantizerOptions(8))
template <typename Holder, typename Options>
QuantizerFactory make_quantizers(Options options) {
  return [options = std::move(options)](const std::string&, const nn::QuantizerImpl& present) {
    if constexpr (std::invocable<const Options&, const nn::QuantizerMetadata&>) {
      return nn::Quantizer(Holder(options(present.metadata())).ptr());
    } else {
      return nn::Quantizer(Holder(options).ptr());
    }
  };
}

/// The quantizers among what a search found. Source: FastForward's QuantizerCollection.
class FF_API QuantizerCollection : public mpath::MPathCollection {
 public:
  /// Takes those matches that are quantizers, stubs included.
  explicit QuantizerCollection(const mpath::MPathCollection& matches);

  /// Puts a new quantizer in each place; it takes over the metadata. A quantizer that stands in
  /// several of the places is replaced by one.
  ///
  /// All quantizers are made before the first is replaced: if this throws, nothing has changed.
  /// Throws c10::ValueError if a place has a quantizer already, unless `policy` says what to do, or
  /// if the model has another module there than when the collection was made; c10::TypeError for
  /// places that nn::replace_quantizer cannot reach; and what `factory` throws.
  void initialize(const QuantizerFactory& factory,
                  OverwritePolicy policy = OverwritePolicy::kError);

  /// Puts quantizers of type `Holder` in all places.
  ///
  ///     ff::find_quantizers(model, "**/[qtag:parameter/weight]")
  ///         .initialize<ff::nn::LinearQuantizer>(
  ///             ff::nn::LinearQuantizerOptions(4).granularity(ff::PerChannel(0)));
  template <typename Holder, typename Options>
  void initialize(Options options, OverwritePolicy policy = OverwritePolicy::kError) {
    initialize(make_quantizers<Holder>(std::move(options)), policy);
  }

  /// initialize() that replaces quantizers and stubs alike.
  void replace(const QuantizerFactory& factory) {
    initialize(factory, OverwritePolicy::kOverwrite);
  }

  /// Returns the quantizers, each once.
  std::vector<std::shared_ptr<nn::QuantizerImpl>> quantizers() const;
  /// Returns a scope in which the quantizers are off. See DisableQuantization.
  [[nodiscard]] DisableQuantization disable() const {
    return DisableQuantization(quantizers());
  }
  /// Returns a scope in which the quantizers are on. See EnableQuantization.
  [[nodiscard]] EnableQuantization enable() const {
    return EnableQuantization(quantizers());
  }
};

/// Returns the quantizers and stubs of `model` that `selector` matches.
FF_API QuantizerCollection find_quantizers(const nn::ModuleRef& model,
                                           const mpath::Selector& selector);

/// Writes summarize() of the quantizers.
FF_API std::ostream& operator<<(std::ostream& stream, const QuantizerCollection& quantizers);

}  // namespace ff
