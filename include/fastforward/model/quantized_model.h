#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/core/ivalue.h>
#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "fastforward/core/api.h"
#include "fastforward/model/coverage.h"
#include "fastforward/model/float_model.h"
#include "fastforward/model/quantization_config.h"
#include "fastforward/range_setting/estimator.h"

namespace ff {

namespace model {
struct Program;
class Binding;
class Runner;
struct ModelAccess;
}  // namespace model

/// A call of an operator in a quantized model.
struct FF_API Site {
  /// Its path in the tree: "features.0.conv2d".
  std::string path;
  /// The operator, "aten::conv2d".
  std::string op;
  /// The shape of its first result in the first example.
  std::vector<int64_t> shape;
};

/// A float model whose own forward runs with quantizers at its weights, inputs and operators.
/// ff::autoquantize makes it.
///
/// It is a torch::nn::Module: its children are the modules of the float model that have parameters,
/// below them a site for each operator, and in the sites the quantizers, "weight" and "output".
/// Inputs have theirs in "inputs". So everything that works on modules works on it: ff::mpath,
/// ff::find_quantizers, ff::summarize, ff::estimate_ranges, ff::save_quantization_state,
/// optimizers, to(device). Selectors know a site by its operator, [cls:conv2d], and a module by its
/// class, [cls:Conv2d]. Parameters and buffers are those of the float model themselves, not copies.
///
/// The float model's code runs as it is, seen operator by operator (docs/autoquant.md). Values on a
/// grid are plain float tensors, equal bit for bit to the dequantized codes. Threads may run one
/// model as long as nobody changes it.
class FF_API QuantizedModelImpl : public torch::nn::Module {
 public:
  /// Stubs in all places; ff::autoquantize fills them.
  QuantizedModelImpl(FloatModel model, std::shared_ptr<const model::Program> program);
  ~QuantizedModelImpl() override;

  /// Runs the model with its quantizers.
  ///
  /// Throws c10::ValueError, which lists them, if quantizers that are met have no range yet;
  /// c10::NotImplementedError inside the forward of another quantized model; what the model throws.
  c10::IValue run(const Inputs& inputs);
  /// Runs the model, which gives one tensor, on tensors and whatever else converts to an IValue.
  template <typename... Arguments>
  at::Tensor forward(const Arguments&... inputs) {
    return one_tensor(run(Inputs{c10::IValue(inputs)...}));
  }

  /// Fills places by rules, then sets the ranges of the weights' quantizers that have none. Throws
  /// c10::ValueError for a rule that matches an operator but no place of it, with the reason.
  ConfigReport initialize(const QuantizationConfig& config,
                          OverwritePolicy policy = OverwritePolicy::kError);
  /// Sets the ranges of the weights' quantizers that have none, from the weights as they are used:
  /// with batch norms folded into them.
  void initialize_weights();
  /// Sets what estimates the range of the quantizer at a path, where ff::calibrate is not told.
  void set_estimator(const std::string& path,
                     std::shared_ptr<range_setting::RangeEstimator> estimator);
  /// Returns what set_estimator() or a rule said, null if nothing.
  std::shared_ptr<range_setting::RangeEstimator> estimator(const std::string& path) const;
  /// Paths of the quantizers that have no range and need one.
  std::vector<std::string> uninitialized() const;
  /// Paths of the quantizers of weights, of whatever type.
  std::vector<std::string> weight_places() const;

  /// Returns the weight that the quantizer at a path gets, with its batch norm folded into it;
  /// undefined for other quantizers, and for weights that are computed in the forward.
  at::Tensor weight(const std::string& path) const;

  /// Returns the quantizers and stubs that `selector` matches, as ff::find_quantizers.
  QuantizerCollection find_quantizers(const mpath::Selector& selector) {
    return ff::find_quantizers(*this, selector);
  }
  /// True if the model runs other operators where a gradient is wanted than where none is, as a
  /// scripted torch.nn.TransformerEncoder. Then ff::calibrate runs each batch both ways.
  bool depends_on_grad_mode() const;
  /// Returns all calls of operators, in the order in which the examples ran them.
  std::vector<Site> sites() const;
  /// Returns each call with what is quantized of it, or why it is not.
  Coverage coverage() const;
  /// Calls that no example showed: an error from now on, or (the default) they run in float, are
  /// counted in the coverage, and warned of once.
  void set_strict(bool strict) {
    strict_ = strict;
  }

  /// From now on the model runs in integers where it can, or (false) is simulated again.
  ///
  /// Operators take codes and give codes by the forms that docs/integers.md lists; the others run
  /// in float, as in the simulation, and coverage() says after a run which, and why. Inputs and
  /// outputs stay plain float tensors. Integers have no gradients. Quantizers stay where they are:
  /// a range that is changed later counts in the next run. ff::parity compares both ways.
  void to_integer(bool on = true);
  /// True if to_integer() was called. A run inside of an ff::IntegerGuard is one in integers also
  /// without it.
  bool is_integer() const {
    return is_integer_;
  }

  /// Parameters of the float model that have a gradient: a group for an optimizer.
  std::vector<at::Tensor> model_parameters() const;
  /// Scales and offsets of the quantizers: a group with a learning rate of its own, since they are
  /// small. Scales must stay positive; a step of Adam is as long as its learning rate.
  std::vector<at::Tensor> quantizer_parameters() const;

  /// Returns the model in float.
  const FloatModel& float_model() const {
    return float_model_;
  }
  /// Sets training mode of the float model as well.
  void train(bool on = true) override;
  /// Returns a copy of the float model with copies of the quantizers. Throws
  /// c10::NotImplementedError if the float model is a function.
  std::shared_ptr<torch::nn::Module> clone(
      const std::optional<torch::Device>& device = std::nullopt) const override;

 private:
  friend class model::Runner;
  friend struct model::ModelAccess;
  static at::Tensor one_tensor(const c10::IValue& result);
  void build_tree();
  void explain_unmatched(const QuantizationConfig& config);

  FloatModel float_model_;
  std::shared_ptr<const model::Program> program_;
  std::unique_ptr<model::Binding> binding_;
  std::map<std::string, std::shared_ptr<range_setting::RangeEstimator>> estimators_;
  bool strict_ = false;
  bool is_integer_ = false;
};

/// Holder of QuantizedModelImpl, as TORCH_MODULE makes it. That one cannot call a forward that
/// takes any number of inputs.
class QuantizedModel : public torch::nn::ModuleHolder<QuantizedModelImpl> {
 public:
  using torch::nn::ModuleHolder<QuantizedModelImpl>::ModuleHolder;
  /// The type that it holds.
  using Impl = QuantizedModelImpl;

  /// Calls QuantizedModelImpl::forward.
  template <typename... Arguments>
  at::Tensor operator()(const Arguments&... inputs) {
    return get()->forward(inputs...);
  }
};

}  // namespace ff
