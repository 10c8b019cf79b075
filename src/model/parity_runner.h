#pragma once

#include <unordered_map>
#include <vector>

#include "model/runner.h"

namespace ff::model {

/// Sums over the codes of one call.
struct ParitySums {
  int64_t codes = 0;
  int64_t equal = 0;
  int64_t largest = 0;
  double signal = 0;
  double noise = 0;
  bool is_integer = false;
};

/// One run of the simulation in which each call also runs in integers, on the same operands, and
/// what it gives there is compared.
class ParityRunner final : public Runner {
 public:
  /// `sums` has one element for each call. All must stay as long as the run.
  ParityRunner(QuantizedModelImpl& model, std::shared_ptr<const ModelTensors> tensors,
               std::vector<ParitySums>& sums)
      : Runner(model, std::move(tensors)), sums_(sums) {}

 protected:
  void on_call(Meeting& meeting) override;
  void run_operator(Meeting& meeting) override;
  at::Tensor result_on_grid(size_t index, size_t place, const at::Tensor& data,
                            bool overwrite) override;

 private:
  // A result in codes that the simulation has not come to yet.
  struct Pending {
    size_t call;
    at::Tensor result;
  };

  at::Tensor codes_of(size_t place, const at::Tensor& values);
  at::Tensor weight_in_codes(size_t place, size_t index, const Operand& operand);
  torch::jit::Stack operands_in_codes(const Meeting& meeting, size_t index);
  bool writes_to_codes(size_t index) const;
  at::Tensor run_in_integers(const Meeting& meeting, size_t index);
  void compare(size_t call, const at::Tensor& simulated, const at::Tensor& integer);
  void compare_values(size_t call, const at::Tensor& simulated, const at::Tensor& integer);
  void compare_moved(size_t index, const at::Tensor& simulated, const at::Tensor& integer);
  void compare_pieces(const Meeting& meeting);

  std::vector<ParitySums>& sums_;
  std::vector<c10::IValue> given_;                // arguments of that call, weights in float
  std::optional<size_t> index_;                   // of the call that runs
  std::unordered_map<ValueId, Pending> pending_;  // by what the chain gives
  // Of parameters, and of elements that were moved, by value.
  std::unordered_map<ValueId, at::Tensor> in_codes_;
};

}  // namespace ff::model
