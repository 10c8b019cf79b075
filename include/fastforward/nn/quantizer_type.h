#pragma once

#include <ATen/core/ivalue.h>

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <typeindex>
#include <typeinfo>
#include <utility>
#include <vector>

#include "fastforward/core/api.h"
#include "fastforward/nn/quantizer.h"

namespace ff::nn {

/// What a quantizer was made with, by name. Files hold None, bool, int, float, str, and lists of
/// bool, int, float and str.
using QuantizerSettings = std::map<std::string, c10::IValue>;

/// Parameters and buffers of a quantizer, by name.
using QuantizerTensors = std::map<std::string, at::Tensor>;

/// A type of quantizer that files and configurations can name.
struct FF_API QuantizerType {
  /// The name in files, "LinearQuantizer".
  std::string name;
  /// The C++ type: typeid of the Impl.
  std::type_index type;
  /// Returns the settings that make() needs to make another one.
  std::function<QuantizerSettings(const QuantizerImpl& quantizer)> settings;
  /// Makes a quantizer whose parameters are still to be set. Throws c10::ValueError for settings
  /// that it does not know or that have wrong values.
  std::function<Quantizer(const QuantizerSettings& settings)> make;
  /// Throws, with what is wrong and what was expected, unless a quantizer of this type, made with
  /// the same settings, can have these tensors, and metadata with them. Asked before a file is
  /// written, and before what was read goes into a model. Null: any tensors of the type's own names
  /// are taken.
  std::function<void(const QuantizerImpl& quantizer, const QuantizerTensors& tensors,
                     const QuantizerMetadata& metadata)>
      check = nullptr;
};

/// Makes a type known by its name, for the whole program. LinearQuantizer, DynamicLinearQuantizer
/// and QuantizerStub are known from the start. Thread-safe.
///
/// Throws c10::ValueError if the name is empty, a function is missing, or the name or the type is
/// known already.
FF_API void register_quantizer_type(QuantizerType type);

/// Makes the quantizer type `Impl` known. `check` takes a const Impl&, and may be left out.
///
///     ff::nn::register_quantizer_type<MyQuantizerImpl>(
///         "MyQuantizer",
///         [](const MyQuantizerImpl& q) { return ff::nn::QuantizerSettings{{"levels", q.levels}};
///         },
///         [](const ff::nn::QuantizerSettings& settings) {
///           return std::make_shared<MyQuantizerImpl>(settings.at("levels").toInt());
///         });
template <typename Impl, typename Settings, typename Make, typename Check = std::nullptr_t>
void register_quantizer_type(const std::string& name, Settings settings, Make make,
                             Check check = nullptr) {
  QuantizerType type{name, typeid(Impl),
                     [settings = std::move(settings)](const QuantizerImpl& quantizer) {
                       return QuantizerSettings(settings(static_cast<const Impl&>(quantizer)));
                     },
                     [make = std::move(make)](const QuantizerSettings& given) {
                       return Quantizer(std::shared_ptr<QuantizerImpl>(make(given)));
                     }};
  if constexpr (!std::is_null_pointer_v<Check>) {
    type.check = [check = std::move(check)](const QuantizerImpl& quantizer,
                                            const QuantizerTensors& tensors,
                                            const QuantizerMetadata& metadata) {
      check(static_cast<const Impl&>(quantizer), tensors, metadata);
    };
  }
  register_quantizer_type(std::move(type));
}

/// Returns the type of this name, nothing if there is none.
FF_API std::optional<QuantizerType> find_quantizer_type(const std::string& name);

/// Returns the type of just this quantizer, nothing if it is not known; the type of a base class
/// does not count.
FF_API std::optional<QuantizerType> find_quantizer_type(const QuantizerImpl& quantizer);

/// Returns the names of all known types, sorted.
FF_API std::vector<std::string> quantizer_type_names();

}  // namespace ff::nn
