#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/core/ivalue.h>
#include <c10/util/Exception.h>
#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include <algorithm>
#include <concepts>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "fastforward/core/api.h"
#include "fastforward/model/input_type.h"

namespace ff {

/// The inputs of one call of a model.
using Inputs = std::vector<c10::IValue>;

namespace detail {

/// A parameter or buffer of a model.
struct FF_API ModelTensor {
  /// Its path, "features.0.weight".
  std::string name;
  /// The tensor itself.
  at::Tensor tensor;
  /// True for a buffer.
  bool is_buffer;
};

/// The module that has a path.
struct FF_API ModelOwner {
  /// Its class, "Conv2d".
  std::string class_name;
  /// The module, null in TorchScript.
  std::shared_ptr<torch::nn::Module> module;
};

/// What FloatModel needs of a model.
class FF_API ModelSource {
 public:
  virtual ~ModelSource() = default;
  /// Runs the model.
  virtual c10::IValue forward(const Inputs& inputs) = 0;
  /// Returns parameters and buffers, each tensor once.
  virtual std::vector<ModelTensor> tensors() const = 0;
  /// Returns the same tensors in any order that stays, and without their names; faster where a
  /// model has many. A tensor may be there twice, and may be undefined.
  virtual std::vector<at::Tensor> bare_tensors() const;
  /// Returns the module at a path, "" is the model itself.
  virtual ModelOwner owner(const std::string& path) const = 0;
  /// Returns a function that puts the state back to what it is now: buffers, and in TorchScript all
  /// attributes that are no parameters.
  virtual std::function<void()> keep_state() const;
  /// Returns a copy.
  virtual std::shared_ptr<ModelSource> clone() const = 0;
  /// Sets training mode.
  virtual void train(bool on) = 0;
  /// True in training mode.
  virtual bool is_training() const = 0;
};

/// A holder made by TORCH_MODULE.
template <typename Holder>
concept IsHolder = requires(const Holder& holder) {
  typename Holder::ContainedType;
  requires std::derived_from<Holder, torch::nn::ModuleHolder<typename Holder::ContainedType>>;
};

/// at::Tensor, for packs of indices.
template <size_t>
using TensorAt = const at::Tensor&;

template <typename Called, typename Indices>
struct TakesTensors;
/// True if `Called` is a module whose forward takes so many tensors, or a function of them.
template <typename Called, size_t... I>
struct TakesTensors<Called, std::index_sequence<I...>> {
  /// Whether forward does.
  static constexpr bool kForward = requires(Called & called, const at::Tensor& tensor) {
    called.forward(static_cast<TensorAt<I>>(tensor)...);
  };
  /// Whether the call operator does.
  static constexpr bool kFunction = std::is_invocable_v<Called&, TensorAt<I>...>;
};

/// A function of one to four tensors.
template <typename Function>
concept TensorFunction = !IsHolder<Function> && !requires(Function & function) {
  function.parameters();
}
&&(TakesTensors<Function, std::make_index_sequence<1>>::kFunction ||
   TakesTensors<Function, std::make_index_sequence<2>>::kFunction ||
   TakesTensors<Function, std::make_index_sequence<3>>::kFunction ||
   TakesTensors<Function, std::make_index_sequence<4>>::kFunction);

/// Throws c10::TypeError: `called` cannot be called with these inputs.
[[noreturn]] FF_API void refuse_inputs(const std::string& called, const Inputs& inputs,
                                       const std::string& expected);
/// True if all inputs are tensors.
FF_API bool are_tensors(const Inputs& inputs);
/// Throws c10::NotImplementedError if there is a quantized model in `module`, c10::ValueError if it
/// is null.
FF_API void check_plain_module(const torch::nn::Module* module);
/// Returns parameters and buffers of a torch::nn module.
FF_API std::vector<ModelTensor> tensors_of(const torch::nn::Module& module);
/// Returns the same tensors without their names.
FF_API std::vector<at::Tensor> bare_tensors_of(const torch::nn::Module& module);
/// Returns the module at a path of a torch::nn module.
FF_API ModelOwner owner_in(const std::shared_ptr<torch::nn::Module>& module,
                           const std::string& path);
/// Makes a source of a function.
FF_API std::shared_ptr<ModelSource> function_source(
    std::function<c10::IValue(const Inputs&)> function);

template <size_t... I, typename Call>
c10::IValue spread(std::index_sequence<I...>, const Inputs& inputs, const Call& call) {
  return c10::IValue(call(inputs[I].toTensor()...));
}

/// The parameters of a member function without overloads.
template <typename Function>
struct MemberFunction;
/// Of one that changes its object.
template <typename Result, typename Class, typename... Parameters>
struct MemberFunction<Result (Class::*)(Parameters...)> {
  /// Their types.
  using Types = std::tuple<std::decay_t<Parameters>...>;
};
/// Of one that does not.
template <typename Result, typename Class, typename... Parameters>
struct MemberFunction<Result (Class::*)(Parameters...) const> {
  /// Their types.
  using Types = std::tuple<std::decay_t<Parameters>...>;
};

/// Calls called.forward() with inputs converted to `Types`; gives nothing if they do not convert.
template <typename Impl, typename... Types>
std::optional<c10::IValue> call_typed(Impl& called, const Inputs& inputs, std::tuple<Types...>*) {
  if constexpr ((InputType<Types> && ...)) {
    return [&]<size_t... I>(std::index_sequence<I...>)->std::optional<c10::IValue> {
      if (inputs.size() != sizeof...(Types) || !(InputAs<Types>::is(inputs[I]) && ...))
        return std::nullopt;
      return c10::IValue(called.forward(InputAs<Types>::get(inputs[I])...));
    }
    (std::index_sequence_for<Types...>());
  } else {
    return std::nullopt;
  }
}

/// Calls called.forward() with so many tensors as there are inputs, if it takes them.
template <size_t kCount, typename Impl>
bool try_forward(Impl& called, const Inputs& inputs, c10::IValue& result) {
  using Indices = std::make_index_sequence<kCount>;
  if constexpr (TakesTensors<Impl, Indices>::kForward) {
    if (inputs.size() == kCount && are_tensors(inputs)) {
      result = spread(Indices(), inputs,
                      [&](const auto&... tensors) { return called.forward(tensors...); });
      return true;
    }
  }
  return false;
}

/// Calls the forward of a module with inputs.
template <typename Impl>
c10::IValue call_forward(Impl& called, const Inputs& inputs) {
  c10::IValue result;
  if (try_forward<0>(called, inputs, result) || try_forward<1>(called, inputs, result) ||
      try_forward<2>(called, inputs, result) || try_forward<3>(called, inputs, result) ||
      try_forward<4>(called, inputs, result) || try_forward<5>(called, inputs, result) ||
      try_forward<6>(called, inputs, result) || try_forward<7>(called, inputs, result) ||
      try_forward<8>(called, inputs, result))
    return result;
  if constexpr (requires { typename MemberFunction<decltype(&Impl::forward)>::Types; }) {
    using Types = typename MemberFunction<decltype(&Impl::forward)>::Types;
    if (std::optional<c10::IValue> typed = call_typed(called, inputs, static_cast<Types*>(nullptr)))
      return *std::move(typed);
  }
  refuse_inputs("the forward of " + called.name(), inputs,
                "give as many and such inputs as forward takes, or a function as second argument "
                "of FloatModel that calls it");
}

/// Calls a function of tensors with so many as there are inputs, if it takes them.
template <size_t kCount, typename Function>
bool try_function(Function& function, const Inputs& inputs, c10::IValue& result) {
  using Indices = std::make_index_sequence<kCount>;
  if constexpr (TakesTensors<Function, Indices>::kFunction) {
    if (inputs.size() == kCount && are_tensors(inputs)) {
      result =
          spread(Indices(), inputs, [&](const auto&... tensors) { return function(tensors...); });
      return true;
    }
  }
  return false;
}

/// Calls a function of tensors with inputs.
template <typename Function>
c10::IValue call_function(Function& function, const Inputs& inputs) {
  c10::IValue result;
  if (try_function<1>(function, inputs, result) || try_function<2>(function, inputs, result) ||
      try_function<3>(function, inputs, result) || try_function<4>(function, inputs, result))
    return result;
  refuse_inputs("the function", inputs, "give as many tensors as it takes");
}

/// A torch::nn module and how it is called.
template <typename Impl>
class ModuleSource final : public ModelSource {
 public:
  /// Calls `module` by `forward`.
  ModuleSource(std::shared_ptr<Impl> module,
               std::function<c10::IValue(Impl&, const Inputs&)> forward)
      : module_(std::move(module)), forward_(std::move(forward)) {
    check_plain_module(module_.get());
  }

  c10::IValue forward(const Inputs& inputs) override {
    return forward_(*module_, inputs);
  }
  std::vector<ModelTensor> tensors() const override {
    return tensors_of(*module_);
  }
  std::vector<at::Tensor> bare_tensors() const override {
    return bare_tensors_of(*module_);
  }
  ModelOwner owner(const std::string& path) const override {
    return owner_in(module_, path);
  }
  std::shared_ptr<ModelSource> clone() const override {
    return std::make_shared<ModuleSource>(std::dynamic_pointer_cast<Impl>(module_->clone()),
                                          forward_);
  }
  void train(bool on) override {
    module_->train(on);
  }
  bool is_training() const override {
    return module_->is_training();
  }

 private:
  std::shared_ptr<Impl> module_;
  std::function<c10::IValue(Impl&, const Inputs&)> forward_;
};

}  // namespace detail
}  // namespace ff
