#include "model/recorder.h"

#include <ATen/core/grad_mode.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <numeric>

#include "model/call_description.h"
#include "model/model_run.h"
#include "model/state_scope.h"
#include "model/written_memory.h"

namespace ff::model {
namespace {

std::vector<int64_t> axes_in_memory(const at::Tensor& tensor) {
  if (tensor.layout() != at::kStrided || tensor.is_contiguous())
    return {};
  std::vector<int64_t> axes(static_cast<size_t>(tensor.dim()));
  std::iota(axes.begin(), axes.end(), 0);
  std::stable_sort(axes.begin(), axes.end(),
                   [&](int64_t a, int64_t b) { return tensor.stride(a) > tensor.stride(b); });
  return axes;
}

class Recorder final : public ModelRun {
 public:
  Recorder(Recording& recording, const ParameterIds& parameters, ParameterIds& captured)
      : ModelRun(recording.graph, parameters),
        recording_(recording),
        captured_(captured),
        memory_(recording.graph) {}

  // Of one example.
  void finish(const std::vector<at::Tensor>& returned) {
    for (const at::Tensor& tensor : returned) {
      Tracker::Identity identity = tracker().identify(tensor);
      if (identity.is_changed)
        identity.value = on_changed(identity.value, identity.written);
      if (identity.value >= 0)
        recording_.graph.value(identity.value).is_returned = true;
    }
    for (const auto& [value, readers] : readers_) {
      size_t& known = recording_.graph.value(value).readers_at_once;
      known = std::max(known, readers);
    }
  }

 protected:
  int number_of(const CallKey& key) override {
    return recording_.graph.add_key(key);
  }

  ValueId on_captured(const at::Tensor& tensor) override {
    const auto [known, is_new] = captured_.try_emplace(tensor.unsafeGetTensorImpl(), kConstant);
    if (!is_new)
      return known->second;
    const std::string name = "captured_" + std::to_string(recording_.captured.size());
    known->second = recording_.graph.add_parameter(name, tensor.sizes().vec());
    recording_.parameters.emplace(name, known->second);
    recording_.captured.emplace_back(name, tensor);
    return known->second;
  }

  ValueId on_changed(ValueId before, ValueId written) override {
    static const OperatorInfo changed = [] {
      OperatorInfo info;
      info.name = info.site = "written_through_a_view";
      info.gives_tensors = true;
      return info;
    }();
    CallGraph& graph = recording_.graph;
    const int key = graph.add_key({changed.site, {before, written}});
    const size_t occurrence = count(key);
    if (occurrence >= graph.occurrences(key).size()) {
      const size_t index = graph.add_call(key, Call{&changed, OperatorKind::kFloat, {}, {}, {}});
      const std::vector<int64_t> shape =
          before >= 0 ? graph.value(before).shape : std::vector<int64_t>();
      graph.call(index).results = {graph.add_result(index, 0, shape)};
      for (const ValueId value : {before, written}) {
        if (value < 0)
          continue;
        graph.call(index).operands.push_back({graph.call(index).operands.size(), -1, {}});
      }
    }
    const size_t index = graph.occurrences(key)[occurrence];
    size_t operand = 0;
    for (const ValueId value : {before, written}) {
      if (value >= 0)
        add_reader(index, operand++, value);
    }
    return graph.calls()[index].results[0];
  }

  void on_handed_on(ValueId value, const at::Tensor&) override {
    if (value >= 0)
      recording_.graph.value(value).is_handed_on = true;
  }

  void on_source(Meeting& meeting, size_t first) override {
    const size_t index = call_of(meeting, [&] {
      return Call{&meeting.info, OperatorKind::kFloat, {}, {}};
    });
    finish_call(index, meeting, meeting.results(first));
  }

  void on_call(Meeting& meeting) override {
    const size_t index = call_of(meeting, [&] { return describe(meeting); });
    add_operands(index, meeting);
    memory_.note_call(meeting);
    const c10::ArrayRef<c10::IValue> results = call(meeting);
    memory_.note_results(index, meeting, results);
    finish_call(index, meeting, results);
  }

 private:
  // The call of the graph that is met, described if it is a new one.
  template <typename Describe>
  size_t call_of(const Meeting& meeting, const Describe& describe_new) {
    CallGraph& graph = recording_.graph;
    const std::vector<size_t>& known = graph.occurrences(meeting.key);
    return meeting.occurrence < known.size() ? known[meeting.occurrence]
                                             : graph.add_call(meeting.key, describe_new());
  }

  // It has run.
  void finish_call(size_t index, const Meeting& meeting, c10::ArrayRef<c10::IValue> results) {
    if (recording_.graph.calls()[index].results.empty())
      add_results(index, meeting, results);
    define_results(meeting, results, recording_.graph.calls()[index].results);
  }

  void add_reader(size_t index, size_t operand, ValueId value) {
    recording_.graph.add_reader(index, operand, value);
    ++readers_[value];
  }

  void add_operands(size_t index, const Meeting& meeting) {
    CallGraph& graph = recording_.graph;
    for (const MetOperand& met : meeting.operands) {
      std::vector<Operand>& known = graph.call(index).operands;
      auto found = std::find_if(known.begin(), known.end(), [&](const Operand& operand) {
        return operand.argument == met.argument && operand.element == met.element;
      });
      if (found == known.end())
        found = known.insert(known.end(), Operand{met.argument, met.element, {}});
      if (met.value < 0)
        continue;
      add_reader(index, static_cast<size_t>(found - known.begin()), met.value);
    }
  }

  void add_results(size_t index, const Meeting& meeting, c10::ArrayRef<c10::IValue> results) {
    CallGraph& graph = recording_.graph;
    const bool is_of_parameters =
        std::all_of(graph.calls()[index].operands.begin(), graph.calls()[index].operands.end(),
                    [&](const Operand& operand) {
                      const ValueId value = graph.value_of(operand);
                      return value == kConstant || graph.is_of_parameters(value);
                    });
    // A lookup is chosen by integers, which are inputs.
    const bool is_lookup = graph.calls()[index].kind == OperatorKind::kLookup;
    visit_results(results, [&](const at::Tensor& tensor) {
      std::vector<ValueId> values = graph.calls()[index].results;
      values.push_back(is_value(tensor)
                           ? graph.add_result(index, values.size(), tensor.sizes().vec())
                           : kConstant);
      if (values.back() >= 0) {
        Value& value = graph.value(values.back());
        value.is_of_parameters = is_of_parameters && !is_lookup && !meeting.reads_data;
        value.axes_in_memory = axes_in_memory(tensor);
      }
      graph.call(index).results = std::move(values);
    });
  }

  Recording& recording_;
  ParameterIds& captured_;
  WrittenMemory memory_;
  std::unordered_map<ValueId, size_t> readers_;  // of this example
};

void add_parameters(const FloatModel& model, Recording& recording) {
  for (const detail::ModelTensor& tensor : model.source().tensors()) {
    if (is_value(tensor.tensor))
      recording.parameters.emplace(
          tensor.name, recording.graph.add_parameter(tensor.name, tensor.tensor.sizes().vec()));
  }
}

// A function of one tensor, where the other operand of an addition is a constant.
void refine_kinds(CallGraph& graph) {
  for (size_t index = 0; index < graph.calls().size(); ++index) {
    const Call& call = graph.calls()[index];
    if (call.kind != OperatorKind::kArithmetic)
      continue;
    const auto is_data = [&](const Operand& operand) {
      return std::any_of(operand.values.begin(), operand.values.end(),
                         [&](ValueId value) { return !graph.is_of_parameters(value); });
    };
    if (std::count_if(call.operands.begin(), call.operands.end(), is_data) < 2)
      graph.call(index).kind = OperatorKind::kActivation;
  }
}

void record_one(const FloatModel& model, const Inputs& inputs, Recording& recording) {
  ParameterIds parameters, captured;
  for (const ModelValue& known : model_values(model, recording))
    (known.is_captured ? captured : parameters)
        .emplace(known.tensor.unsafeGetTensorImpl(), known.value);
  Recorder recorder(recording, parameters, captured);
  recorder.define_inputs(tensors_in(inputs));
  c10::IValue result;
  {
    const OperatorMode::Scope scope(recorder, "record");
    result = model.forward(inputs);
  }
  recorder.finish(tensors_in({result}));
}

// The fused layers of torch.nn's transformer, which scripted models run where no gradient is
// wanted.
bool has_operator_without_derivative(const CallGraph& graph) {
  return std::any_of(graph.calls().begin(), graph.calls().end(), [](const Call& call) {
    return call.op->name == "aten::_transformer_encoder_layer_fwd" ||
           call.op->name == "aten::_native_multi_head_attention";
  });
}

}  // namespace

Recording record(const FloatModel& model, const std::vector<Inputs>& examples) {
  TORCH_CHECK_VALUE(!examples.empty(), "record: there is no example; give the inputs of one call.");
  Recording recording;
  add_parameters(model, recording);
  for (const Inputs& inputs : examples) {
    const std::vector<at::Tensor> tensors = tensors_in(inputs);
    for (size_t i = recording.graph.inputs().size(); i < tensors.size(); ++i)
      recording.graph.add_input(std::to_string(i), tensors[i].defined() ? tensors[i].sizes().vec()
                                                                        : std::vector<int64_t>());
  }
  const StateScope state(model);
  const auto record_all = [&](bool with_gradients) {
    const at::AutoGradMode mode(with_gradients);
    for (const Inputs& inputs : examples)
      record_one(model, inputs, recording);
  };
  record_all(false);
  recording.depends_on_grad_mode = has_operator_without_derivative(recording.graph);
  if (recording.depends_on_grad_mode)
    record_all(true);
  TORCH_CHECK_VALUE(!recording.graph.calls().empty(),
                    "record: no operator of the model read a floating-point input or a parameter; "
                    "there is nothing to quantize.");
  refine_kinds(recording.graph);
  return recording;
}

std::vector<ModelValue> model_values(const FloatModel& model, const Recording& recording) {
  std::vector<ModelValue> values;
  const auto add = [&](const std::string& name, const at::Tensor& tensor, bool is_captured) {
    const auto found = recording.parameters.find(name);
    if (found != recording.parameters.end())
      values.push_back({found->second, tensor, is_captured});
  };
  for (const detail::ModelTensor& tensor : model.source().tensors())
    add(tensor.name, tensor.tensor, false);
  for (const auto& [name, tensor] : recording.captured)
    add(name, tensor, true);
  return values;
}

}  // namespace ff::model
