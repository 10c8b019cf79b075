#pragma once

#include <exception>
#include <memory>
#include <string>
#include <unordered_map>

#include "fastforward/model/quantized_model.h"
#include "model/binding.h"
#include "model/model_run.h"

namespace ff::model {

/// One run of a quantized model.
class Runner final : public ModelRun {
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

 private:
  size_t call_met(const Meeting& meeting) const;
  void finish_call(const Meeting& meeting, size_t index, size_t first);
  void note_unseen(const Meeting& meeting);
  bool run_folded_norm(Meeting& meeting, size_t index);
  bool is_on(size_t place) const;
  void run_in_place(Meeting& meeting, size_t index);
  void put_operands_on_grids(Meeting& meeting, size_t index);
  void put_results_on_grids(Meeting& meeting, size_t index, size_t first);
  at::Tensor quantized_weight(size_t place, size_t index, const at::Tensor& weight);
  at::Tensor read(size_t place, const at::Tensor& tensor, bool is_written);
  at::Tensor on_grid(size_t place, const at::Tensor& data, bool overwrite);
  [[noreturn]] void refuse_uninitialized() const;

  QuantizedModelImpl& model_;
  const Program& program_;
  Binding& binding_;
  std::shared_ptr<const ModelTensors> tensors_;
  // Of the folds whose weight was used in this run, until their batch norm comes.
  std::unordered_map<size_t, at::Tensor> folded_biases_;
  std::exception_ptr own_error_;
};

}  // namespace ff::model
