#pragma once

#include <ATen/core/grad_mode.h>

#include <memory>
#include <optional>
#include <ostream>
#include <sstream>
#include <string>
#include <typeinfo>

#include "fastforward/core/api.h"
#include "fastforward/nn/module_state.h"
#include "fastforward/nn/quantized_module.h"

namespace ff::nn {

/// The tensors of a layer that have a quantizer.
struct FF_API LayerPlaces {
  /// `input_quantizer`, tag activation/input.
  bool input = true;
  /// `weight_quantizer`, tag parameter/weight, with the shape of the member `weight` if that is
  /// defined.
  bool weight = true;
  /// `bias_quantizer`, tag parameter/bias, with the shape of the member `bias` if that is defined.
  bool bias = true;
  /// `output_quantizer`, tag activation/output.
  bool output = true;
};

/// Places of a layer with weight and bias.
inline constexpr LayerPlaces kWeightedPlaces;
/// Places of a layer with a weight only.
inline constexpr LayerPlaces kUnbiasedPlaces{.bias = false};
/// Places of a layer that looks rows of its weight up.
inline constexpr LayerPlaces kLookupPlaces{.input = false, .bias = false};
/// No places: for a layer that registers all of its quantizers itself.
inline constexpr LayerPlaces kNoPlaces{
    .input = false, .weight = false, .bias = false, .output = false};
/// Places of a layer without parameters.
inline constexpr LayerPlaces kActivationPlaces{.weight = false, .bias = false};

namespace detail {

/// Throws c10::TypeError unless `layer` is an object of type `copied`, so that a copy of that type
/// is all of it.
FF_API void check_layer_not_sliced(const QuantizedModule& layer, const std::type_info& copied);

/// Writes what the plain layer wrote, with ff::nn::Quantized in place of torch::nn::.
FF_API void print_quantized(std::ostream& stream, const std::string& plain);

}  // namespace detail

/// The quantized twin of LibTorch's module `Plain`: the same options, parameters and buffers under
/// the same names, and quantizers, stubs at first, in the places `kPlaces`.
///
/// `Derived` writes forward(). It is a Plain, so code that takes the plain layer by its type reads
/// and loads it. But LibTorch's forward is not virtual: called through Plain it runs without
/// quantizers.
///
///     class MyPReLUImpl : public ff::nn::QuantizedLayer<MyPReLUImpl, torch::nn::PReLUImpl,
///                                                       ff::nn::kUnbiasedPlaces> {
///      public:
///       using QuantizedLayer::QuantizedLayer;
///       torch::Tensor forward(const torch::Tensor& input) {
///         const ff::StrictGuard relaxed(false);
///         return quantized("output_quantizer",
///                          torch::prelu(quantized_input(input), quantized_weight()));
///       }
///     };
template <typename Derived, typename Plain, LayerPlaces kPlaces>
class QuantizedLayer : public Plain, public QuantizedModule {
 public:
  /// The plain layer's constructors.
  using Plain::Plain;
  /// Takes over a plain layer: its options, its mode, and its parameters and buffers themselves,
  /// not copies.
  explicit QuantizedLayer(const Plain& plain) : Plain(plain) {}

  /// Registers parameters, buffers and quantizers; called by clone().
  void reset() override {
    Plain::reset();
    register_places();
  }

  /// Returns a deep copy, on `device` if given, with copies of the quantizers that are there now.
  /// Throws c10::TypeError for a layer of a type derived from Derived, of which it would copy a
  /// part only.
  std::shared_ptr<torch::nn::Module> clone(
      const std::optional<torch::Device>& device = std::nullopt) const override {
    const at::NoGradGuard no_grad;
    detail::check_layer_not_sliced(*this, typeid(Derived));
    auto copy = std::make_shared<Derived>(static_cast<const Derived&>(*this));
    detail::ModuleState::clear(*copy);
    copy->reset();
    detail::ModuleState::fill(*copy, *this, device);
    return copy;
  }

  /// Writes what the plain layer writes, under the name of the quantized one.
  void pretty_print(std::ostream& stream) const override {
    std::ostringstream plain;
    Plain::pretty_print(plain);
    detail::print_quantized(stream, plain.str());
  }

  /// Returns what stands in the place of the input.
  Quantizer input_quantizer() const requires(kPlaces.input) {
    return quantizer("input_quantizer");
  }
  /// Returns what stands in the place of the weight. Throws c10::ValueError for a layer without
  /// weight.
  Quantizer weight_quantizer() const requires(kPlaces.weight) {
    return quantizer("weight_quantizer");
  }
  /// Returns what stands in the place of the bias. Throws c10::ValueError for a layer without bias.
  Quantizer bias_quantizer() const requires(kPlaces.bias) {
    return quantizer("bias_quantizer");
  }
  /// Returns what stands in the place of the output.
  Quantizer output_quantizer() const requires(kPlaces.output) {
    return quantizer("output_quantizer");
  }

 protected:
  /// Returns what input_quantizer makes of `input`.
  at::Tensor quantized_input(const at::Tensor& input) const {
    return quantized("input_quantizer", input);
  }
  /// Returns what weight_quantizer makes of the weight; undefined without weight.
  at::Tensor quantized_weight() const {
    return quantized("weight_quantizer", this->weight);
  }
  /// Returns what bias_quantizer makes of the bias; undefined without bias.
  at::Tensor quantized_bias() const {
    return quantized("bias_quantizer", this->bias);
  }

 private:
  bool register_places() {
    detail::ModuleState::forget_name(*this);  // LibTorch keeps the plain layer's.
    if constexpr (requires { this->options.inplace(false); })
      this->options.inplace(false);
    const auto shape_of = [](const at::Tensor& tensor) { return tensor.sizes().vec(); };
    if constexpr (kPlaces.input)
      register_quantizer("input_quantizer", QuantizerMetadata({default_tags::input_quantizer}));
    if constexpr (kPlaces.weight) {
      if (this->weight.defined())
        register_quantizer("weight_quantizer", QuantizerMetadata({default_tags::weight_quantizer},
                                                                 shape_of(this->weight)));
    }
    if constexpr (kPlaces.bias) {
      if (this->bias.defined())
        register_quantizer("bias_quantizer",
                           QuantizerMetadata({default_tags::bias_quantizer}, shape_of(this->bias)));
    }
    if constexpr (kPlaces.output)
      register_quantizer("output_quantizer", QuantizerMetadata({default_tags::output_quantizer}));
    return true;
  }

  // Initialized after the plain layer, whichever of its constructors ran; copies copy it.
  bool registered_ = register_places();
};

}  // namespace ff::nn
