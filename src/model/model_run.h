#pragma once

#include <c10/util/SmallVector.h>

#include <vector>

#include "model/call_graph.h"
#include "model/operator_mode.h"
#include "model/tracker.h"

namespace ff::model {

/// A call as it is met in a run.
struct Meeting {
  /// The operator in LibTorch.
  const c10::OperatorHandle& op;
  /// What is known of it.
  const OperatorInfo& info;
  /// Its arguments are at the end of it, later its results.
  torch::jit::Stack& stack;
  /// The tensors that it reads.
  c10::SmallVector<MetOperand, 6> operands;
  /// Number of its key, -1 if no example showed it.
  int key = -1;
  /// Which of the calls with this key in this run it is.
  size_t occurrence = 0;
  /// True if it reads something that is made of the inputs and is no value.
  bool reads_data = false;

  /// The arguments, until the operator was called.
  c10::ArrayRef<c10::IValue> arguments() const {
    return c10::ArrayRef<c10::IValue>(stack.data() + (stack.size() - info.arguments),
                                      info.arguments);
  }
  /// An argument to change.
  c10::IValue& argument(size_t index) const {
    return stack[stack.size() - info.arguments + index];
  }
  /// The results, which are on the stack from `first` on, once the operator was called.
  c10::ArrayRef<c10::IValue> results(size_t first) const {
    return c10::ArrayRef<c10::IValue>(stack.data() + first, stack.size() - first);
  }
  /// The tensor that an operand is.
  const at::Tensor& tensor(size_t argument, int element) const;
};

/// One run of a model under the mode: finds out for each operator which call of the graph it is.
/// The recorder and the runner say what becomes of it.
class ModelRun : public OperatorMode {
 public:
  /// Both must stay as long as the run.
  ModelRun(const CallGraph& graph, const ParameterIds& parameters)
      : graph_(graph), tracker_(parameters) {}

  void on_operator(const c10::OperatorHandle& op, torch::jit::Stack& stack) final;

  /// Says which values the input tensors are. Tensors that are there twice are the first.
  void define_inputs(const std::vector<at::Tensor>& inputs);

 protected:
  /// Returns the number of a key, -1 if there is none.
  virtual int number_of(const CallKey& key) = 0;
  /// Runs a call that reads a value, and defines its results.
  virtual void on_call(Meeting& meeting) = 0;
  /// Defines the results, on the stack from `first` on, of a call that has run: it read only what
  /// is made of the inputs and is no value, and gave values.
  virtual void on_source(Meeting& meeting, size_t first) = 0;
  /// Asked for a tensor in the place of a weight of which nothing is known, before it counts as a
  /// constant.
  virtual ValueId on_captured(const at::Tensor& tensor) = 0;
  /// A value was handed on as it is, maybe as another tensor.
  virtual void on_handed_on(ValueId /*value*/, const at::Tensor& /*tensor*/) {}
  /// An operator that gives no tensors, but numbers or sizes, reads its arguments.
  virtual void on_looked_at(const OperatorInfo& /*info*/,
                            c10::ArrayRef<c10::IValue> /*arguments*/) {}
  /// The value of a tensor that was written to through another one.
  virtual ValueId on_changed(ValueId before, ValueId written) = 0;

  /// Calls the operator.
  virtual void run_operator(Meeting& meeting);
  /// Calls the operator and returns its results as they are on the stack.
  c10::ArrayRef<c10::IValue> call(Meeting& meeting);
  /// Defines all results as one value: kConstant or kUnseen.
  void define_all(const Meeting& meeting, c10::ArrayRef<c10::IValue> results, ValueId value);
  /// Defines results as the values of a call.
  void define_results(const Meeting& meeting, c10::ArrayRef<c10::IValue> results,
                      const std::vector<ValueId>& values);
  /// Which of the calls with this key in this run comes now; counts it.
  size_t count(int key);

  /// The tensors of this run.
  Tracker& tracker() {
    return tracker_;
  }

 private:
  ValueId value_of_foreign(const Meeting& meeting, size_t argument, const at::Tensor& tensor);
  bool reads_values(const Meeting& meeting) const;
  bool is_data(const at::Tensor& tensor) const;
  void add_operand(Meeting& meeting, size_t argument, int element, const at::Tensor& tensor);
  void meet(Meeting& meeting);
  void hand_on(Meeting& meeting);
  void run_without_values(Meeting& meeting);

  const CallGraph& graph_;
  Tracker tracker_;
  std::vector<size_t> counts_;
};

/// All tensors in the inputs, in lists, tuples and dictionaries too, in order.
std::vector<at::Tensor> tensors_in(const std::vector<c10::IValue>& values);

}  // namespace ff::model
