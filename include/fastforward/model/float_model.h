#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/core/ivalue.h>
#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include <concepts>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "fastforward/core/api.h"
#include "fastforward/model/float_model_source.h"

namespace torch::jit {
struct Module;
}

namespace ff {

/// A model in float, of any kind, by reference: a torch::nn module with any forward, a TorchScript
/// module, or a function of tensors. It is not changed and needs no change.
///
///     ff::FloatModel a(net);                                   // torch::nn, by its holder
///     ff::FloatModel b(torch::jit::load("net.pt"));            // TorchScript
///     ff::FloatModel c([&](const torch::Tensor& x) { return torch::relu(x.mm(w)); });
///     ff::FloatModel d(net, [](NetImpl& net, const ff::Inputs& in) {   // another way in
///       return net.forward(in[0].toTensor(), in[1].toInt());
///     });
///
/// Inputs are IValues, as of TorchScript. A torch::nn forward takes them if all are tensors and it
/// can be called with so many, or if its parameters are tensors, numbers, bools, strings, or
/// std::optional, std::vector and std::tuple of these; else give a function as the second argument.
class FF_API FloatModel {
 public:
  /// A torch::nn module by its holder, as TORCH_MODULE makes it.
  template <typename Holder>
  requires detail::IsHolder<Holder> FloatModel(const Holder& holder) : FloatModel(holder.ptr()) {}
  /// A torch::nn module. Throws c10::ValueError if the pointer is null, c10::NotImplementedError
  /// if there is a quantized model in it.
  template <std::derived_from<torch::nn::Module> Impl>
  FloatModel(std::shared_ptr<Impl> module)
      : FloatModel(std::make_shared<detail::ModuleSource<Impl>>(
            std::move(module), [](Impl& called, const Inputs& inputs) {
              return detail::call_forward(called, inputs);
            })) {}
  /// A torch::nn module that is called as `forward(Impl&, const Inputs&)`, which gives what
  /// converts to an IValue.
  template <std::derived_from<torch::nn::Module> Impl, typename Forward>
  FloatModel(std::shared_ptr<Impl> module, Forward forward)
      : FloatModel(
            std::make_shared<detail::ModuleSource<Impl>>(std::move(module), std::move(forward))) {}
  /// The same by a holder.
  template <typename Holder, typename Forward>
  requires detail::IsHolder<Holder> FloatModel(const Holder& holder, Forward forward)
      : FloatModel(holder.ptr(), std::move(forward)) {}
  /// A TorchScript module.
  FloatModel(const torch::jit::Module& module);
  /// A function of one to four tensors. Tensors that it captures are its parameters where they are
  /// used as weights. It cannot be cloned or moved to another device.
  template <typename Function>
  requires detail::TensorFunction<Function> FloatModel(Function function)
      : FloatModel(
            detail::function_source([function = std::move(function)](const Inputs& inputs) mutable {
              return detail::call_function(function, inputs);
            })) {}
  /// What a source gives.
  explicit FloatModel(std::shared_ptr<detail::ModelSource> source);

  /// Runs the model as it is.
  c10::IValue forward(const Inputs& inputs) const {
    return source_->forward(inputs);
  }
  /// Returns a model of the same kind with copies of its parameters. Throws
  /// c10::NotImplementedError for a function.
  FloatModel clone() const {
    return FloatModel(source_->clone());
  }
  /// Returns a function that puts the model's state back to what it is now: its buffers, and in
  /// TorchScript all attributes that are no parameters. Other members of a C++ class are not known.
  std::function<void()> keep_state() const {
    return source_->keep_state();
  }
  /// Sets training mode.
  void train(bool on = true) const {
    source_->train(on);
  }
  /// True in training mode.
  bool is_training() const {
    return source_->is_training();
  }
  /// Returns what the model is made of.
  const detail::ModelSource& source() const {
    return *source_;
  }

 private:
  std::shared_ptr<detail::ModelSource> source_;
};

}  // namespace ff
