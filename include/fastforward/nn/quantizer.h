#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include <concepts>
#include <memory>
#include <optional>
#include <string>
#include <typeinfo>

#include "fastforward/core/api.h"
#include "fastforward/nn/metadata.h"
#include "fastforward/nn/module_state.h"
#include "fastforward/nn/override.h"
#include "fastforward/tensor/bound_function.h"

namespace ff::nn {

/// Base of all quantizers: a module whose forward turns a floating-point tensor into a quantized
/// one.
///
/// To write one, derive from CloneableQuantizer and implement quantize() and reset().
class FF_API QuantizerImpl : public torch::nn::Module {
 public:
  /// Quantizes `data`. Called by forward when no override stands before it.
  virtual at::Tensor quantize(const at::Tensor& data) = 0;

  /// Runs the overrides, the last registered first, and quantize() after them.
  ///
  /// Errors of type c10::Error get describe() put before their text.
  at::Tensor forward(const at::Tensor& data);

  /// Returns what forward(data).dequantize() gives, bit for bit, as a plain tensor, in one pass
  /// where the quantizer has one. Overrides run as in forward().
  ///
  /// Where the data passes unchanged, as through a stub or a disabled quantizer, this is `data`
  /// itself. With `overwrite` the values may be written into the memory of `data`, if no gradient
  /// is wanted and there is no override.
  at::Tensor fake_quantize(const at::Tensor& data, bool overwrite = false);

  /// Returns the function that forward() quantizes with, whatever the data is. Nothing if it
  /// depends on the data, if there is none yet, and where an override stands before the quantizer.
  std::optional<BoundQuantizationFunction> fixed_function() const;

  /// Puts `function` before this quantizer's quantize until the handle goes. Overrides nest: the
  /// last registered is called first and reaches the others through `next`.
  [[nodiscard]] OverrideHandle register_override(OverrideFunction function);
  /// Returns the overrides in the order of registration.
  const OverrideList& overrides() const {
    return overrides_;
  }

  /// Returns what the quantizer is for, to read and to change.
  QuantizerMetadata& metadata() {
    return metadata_;
  }
  /// Returns what the quantizer is for.
  const QuantizerMetadata& metadata() const {
    return metadata_;
  }

  /// Returns the path in the model, "" until named_quantizers or estimate_ranges has seen the
  /// model.
  const std::string& path() const {
    return path_;
  }
  /// Sets the path, for messages.
  void set_path(std::string path) {
    path_ = std::move(path);
  }
  /// Returns the type and the path, like "LinearQuantizer 'layer1.weight_quantizer'".
  std::string describe() const;

  /// Returns the settings in one line, like "num_bits=8, symmetric=true". "" by default.
  virtual std::string extra_repr() const {
    return "";
  }
  /// Writes the type and extra_repr().
  void pretty_print(std::ostream& stream) const override;

 protected:
  /// Returns the values of `data` on the grid: quantize(data).dequantize(), unless a quantizer can
  /// do better. See fake_quantize(), which calls it when no override stands before it.
  virtual at::Tensor quantized_values(const at::Tensor& data, bool overwrite);
  /// Returns the function that quantize() uses for any data; nothing if there is none. See
  /// fixed_function(), which calls it when no override stands before it.
  virtual std::optional<BoundQuantizationFunction> function_of_any_data() const {
    return std::nullopt;
  }

  /// Returns the type's name without "Impl".
  std::string type_name() const;

 private:
  at::Tensor run(const NextFunction& last, const at::Tensor& data);

  OverrideList overrides_;
  QuantizerMetadata metadata_;
  std::string path_;
};

/// Any quantizer, by reference. Holders of quantizers and shared_ptrs to them convert to it.
class Quantizer : public torch::nn::ModuleHolder<QuantizerImpl> {
 public:
  /// The type that it holds, as for holders made by TORCH_MODULE.
  using Impl = QuantizerImpl;

  /// Holds nothing.
  Quantizer(std::nullptr_t empty = nullptr) : ModuleHolder(empty) {}
  /// Holds what `pointer` owns.
  template <std::derived_from<QuantizerImpl> Held>
  Quantizer(std::shared_ptr<Held> pointer)
      : ModuleHolder(std::shared_ptr<QuantizerImpl>(std::move(pointer))) {}
  /// Holds what `holder` holds, nothing if that is empty.
  template <std::derived_from<QuantizerImpl> Held>
  Quantizer(const torch::nn::ModuleHolder<Held>& holder)
      : Quantizer(holder.is_empty() ? nullptr : holder.ptr()) {}
};

namespace detail {

/// Throws c10::TypeError unless `quantizer` is an object of type `copied`, so that a copy of that
/// type is all of it.
FF_API void check_not_sliced(const QuantizerImpl& quantizer, const std::type_info& copied);

}  // namespace detail

/// QuantizerImpl with clone() for `Derived`, as torch::nn::Cloneable is for modules.
///
///     class MyQuantizerImpl : public ff::nn::CloneableQuantizer<MyQuantizerImpl> {
///      public:
///       MyQuantizerImpl() { reset(); }
///       void reset() override { scale = register_parameter("scale", torch::zeros({1})); }
///       torch::Tensor quantize(const torch::Tensor& data) override;
///       torch::Tensor scale;
///     };
///     TORCH_MODULE(MyQuantizer);
template <typename Derived>
class CloneableQuantizer : public QuantizerImpl {
 public:
  /// Registers parameters, buffers and children; called by the constructor of Derived and by
  /// clone().
  virtual void reset() = 0;

  /// Returns a deep copy, on `device` if given. Parameters keep the shape that calibration gave
  /// them. The copy has no overrides. Throws c10::TypeError for a quantizer of a type derived from
  /// Derived, of which it would copy a part only.
  std::shared_ptr<torch::nn::Module> clone(
      const std::optional<torch::Device>& device = std::nullopt) const override {
    detail::check_not_sliced(*this, typeid(Derived));
    auto copy = std::make_shared<Derived>(static_cast<const Derived&>(*this));
    detail::ModuleState::clear(*copy);
    copy->reset();
    detail::ModuleState::fill(*copy, *this, device);
    return copy;
  }

 private:
  void clone_(torch::nn::Module& other, const std::optional<torch::Device>& device) override {
    detail::check_not_sliced(*this, typeid(Derived));
    const auto copy = std::dynamic_pointer_cast<Derived>(other.clone(device));
    TORCH_CHECK_TYPE(copy != nullptr, "clone: ", describe(), " cannot take the state of a ",
                     other.name(), ", which is a module of another type.");
    static_cast<Derived&>(*this) = *copy;
  }
};

}  // namespace ff::nn
