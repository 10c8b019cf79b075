#pragma once

#include <optional>
#include <vector>

#include "dispatch/output_scope.h"
#include "fastforward/dispatch/integer_guard.h"
#include "fastforward/dispatch/strict.h"
#include "model/runner.h"

namespace ff::model {

/// One run of a quantized model in integers.
///
/// What the simulation puts on a grid is a quantized tensor here, and operators with an integer
/// form take it as it is; the registry dequantizes for the others. So a call that has no such form
/// gives what the simulation gives.
class IntegerRunner final : public Runner {
 public:
  /// The model must stay as long as the run.
  IntegerRunner(QuantizedModelImpl& model, std::shared_ptr<const ModelTensors> tensors)
      : Runner(model, std::move(tensors)), relaxed_(false) {}

  /// A result of the model with all tensors in it plain.
  c10::IValue finish(const c10::IValue& result);

 protected:
  void on_call(Meeting& meeting) override;
  void on_handed_on(ValueId value, const at::Tensor& tensor) override;
  void on_looked_at(const OperatorInfo& info, c10::ArrayRef<c10::IValue> arguments) override;
  void run_operator(Meeting& meeting) override;
  void finish_call(const Meeting& meeting, size_t index, size_t first) override;
  at::Tensor on_grid(size_t place, const at::Tensor& data, bool overwrite) override;
  at::Tensor result_on_grid(size_t index, size_t place, const at::Tensor& data,
                            bool overwrite) override;
  WeightForm weight_form() const override {
    return WeightForm::kCodes;
  }
  void put_operands_on_grids(Meeting& meeting, size_t index) override;
  void run_in_place(Meeting& meeting, size_t index) override;

 private:
  void refuse_inner(ValueId value, const at::Tensor& tensor, const std::string& who);
  void refuse_inner_operands(const Meeting& meeting, std::optional<size_t> index);
  void put_on_grid_again(Meeting& meeting, const Operand& operand, size_t place);
  at::Tensor laid_out(const at::Tensor& tensor, ValueId value);
  std::string why_not_on_grid(size_t index);
  void refuse_unseen_write(const Meeting& meeting);
  void settle(const at::Tensor& tensor);
  void settle_readers(const OperatorInfo& info, c10::ArrayRef<c10::IValue> arguments);
  void note(const Meeting& meeting, size_t index);
  std::string how_it_runs(const Meeting& meeting, size_t index);
  bool run_behind(Meeting& meeting, size_t index);

  const IntegerGuard integers_;
  const StrictGuard relaxed_;
  ChainOutput output_;           // of the call that runs
  std::optional<size_t> index_;  // its number
  // Tensors whose values are computed block by block when they are read.
  std::vector<c10::weak_intrusive_ptr<c10::TensorImpl>> unsettled_;
};

}  // namespace ff::model
