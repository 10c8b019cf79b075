#pragma once

#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dispatch/output_scope.h"
#include "fastforward/model/quantized_model.h"
#include "fastforward/tensor/bound_function.h"
#include "model/binding.h"
#include "model/model_run.h"

namespace ff::model {

/// What becomes of a call's result in integers, if all of its chain can be done with it.
struct ChainOutput {
  /// The quantizer's function; nothing if the result stays in values.
  std::optional<BoundQuantizationFunction> function;
  /// A bias to add.
  at::Tensor bias;
  /// The limits to clamp to.
  float minimum = 0, maximum = 0;
  /// True if one operator reads the result, block by block.
  bool is_read_in_blocks = false;

  /// The same for operators; this must outlive it.
  dispatch::WantedOutput wanted() const {
    if (!function.has_value() && !is_read_in_blocks)
      return {};
    return {function.has_value() ? &*function : nullptr, bias, minimum, maximum, is_read_in_blocks};
  }
};

/// One run of a quantized model.
class Runner : public ModelRun {
 public:
  /// The model must stay as long as the run.
  Runner(QuantizedModelImpl& model, std::shared_ptr<const ModelTensors> tensors);

  /// Rethrows an error of a quantizer that something in between, like the interpreter of
  /// TorchScript, made another one of. Does nothing if there was none.
  void rethrow_own_error() const;

 protected:
  int number_of(const CallKey& key) override {
    return program_.recording.graph.find_key(key);
  }
  void on_call(Meeting& meeting) override;
  void on_source(Meeting& meeting, size_t first) override;
  ValueId on_captured(const at::Tensor& tensor) override;
  ValueId on_changed(ValueId before, ValueId written) override;

  /// Puts data on the grid of a place. `overwrite`: their memory may be used again.
  virtual at::Tensor on_grid(size_t place, const at::Tensor& data, bool overwrite);
  /// Puts the result of a call on the grid of a place.
  virtual at::Tensor result_on_grid(size_t /*index*/, size_t place, const at::Tensor& data,
                                    bool overwrite) {
    return on_grid(place, data, overwrite);
  }
  /// How weights are given to operators.
  virtual WeightForm weight_form() const {
    return WeightForm::kValues;
  }
  /// Replaces operands by those on their grids.
  virtual void put_operands_on_grids(Meeting& meeting, size_t index);
  /// Runs a call that writes to its operand and gives it as its result.
  virtual void run_in_place(Meeting& meeting, size_t index);

  /// The call that is met.
  size_t call_met(const Meeting& meeting) const;
  /// Defines its results.
  virtual void finish_call(const Meeting& meeting, size_t index, size_t first);
  /// Returns what gives(), which quantizers may do, and keeps their error.
  template <typename Give>
  auto keep_error(const Give& give) {
    try {
      return give();
    } catch (...) {
      own_error_ = std::current_exception();
      throw;
    }
  }
  /// The quantizer in a place; throws c10::ValueError, which lists all of them, if it has no range.
  nn::Quantizer quantizer(size_t place) const;

  /// The function of a place's quantizer, see QuantizerImpl::fixed_function.
  std::optional<BoundQuantizationFunction> fixed_function(size_t place) {
    return keep_error([&] { return binding_.fixed_function(place, *quantizer(place)); });
  }

  /// True while the model trains.
  bool is_training() const {
    return model_.is_training();
  }

  /// What becomes of the result of a call in integers, once its operands are on their grids.
  ChainOutput chain_output(size_t index);

  /// What is run.
  const Program& program() const {
    return program_;
  }
  /// The quantizers.
  Binding& binding() {
    return binding_;
  }
  /// The model's own tensors.
  const ModelTensors& tensors() const {
    return *tensors_;
  }
  /// The bias that a fold gives, until its batch norm has run; undefined if its weight was not
  /// folded.
  const at::Tensor& folded_bias(size_t fold) const {
    return folded_biases_[fold];
  }
  /// The batch norm of a fold has run.
  void forget_folded_bias(size_t fold) {
    folded_biases_[fold] = at::Tensor();
  }

 private:
  void note_unseen(const Meeting& meeting);
  bool run_folded_norm(Meeting& meeting, size_t index);
  bool is_on(size_t place) const;
  void put_results_on_grids(Meeting& meeting, size_t index, size_t first);
  at::Tensor quantized_weight(size_t place, size_t index, const at::Tensor& weight);
  at::Tensor read(size_t place, const at::Tensor& tensor, bool is_written);
  [[noreturn]] void refuse_uninitialized() const;

  QuantizedModelImpl& model_;
  const Program& program_;
  Binding& binding_;
  std::shared_ptr<const ModelTensors> tensors_;
  // For each fold, defined from the use of its weight until its batch norm comes.
  std::vector<at::Tensor> folded_biases_;
  std::exception_ptr own_error_;
};

/// Runs a model seen by `runner`. Throws c10::TypeError for inputs that are quantized tensors.
c10::IValue run(Runner& runner, const FloatModel& model, const Inputs& inputs);

}  // namespace ff::model
