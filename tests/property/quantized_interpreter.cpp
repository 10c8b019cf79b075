#include "property/quantized_interpreter.h"

#include <torch/torch.h>

#include <algorithm>

#include "fastforward/quantization/fake_quantize.h"

namespace ff::test {
namespace {

constexpr size_t kNobody = static_cast<size_t>(-1);
constexpr float kSmallestScale = 1.1920929e-07F;

bool writes(const Instruction& instruction) {
  return instruction.op.back() == '_';
}

uint32_t version_of(const torch::Tensor& tensor) {
  return static_cast<uint32_t>(tensor._version());
}

bool share_memory(const torch::Tensor& a, const torch::Tensor& b) {
  return a.storage().unsafeGetStorageImpl() == b.storage().unsafeGetStorageImpl();
}

bool is_one_of(const std::string& name, const std::set<std::string>& names) {
  return names.count(name) != 0;
}

bool is_nonnegative(const Instruction& instruction) {
  if (instruction.op == "clamp" || instruction.op == "clamp_")
    return instruction.reals[0] == 0 && instruction.reals[1] == 6;  // relu6
  return is_one_of(instruction.op, {"relu", "relu_", "relu6", "sigmoid", "softmax"});
}

}  // namespace

QuantizedInterpreter::QuantizedInterpreter(const Network& network) : network_(network) {
  const at::NoGradGuard no_grad;
  trace();
  fold_batch_norms();
  find_wanted();
  find_places();
}

size_t QuantizedInterpreter::places() const {
  return static_cast<size_t>(std::count_if(values_.begin(), values_.end(), [](const Value& value) {
    return value.place != Place::kNone;
  }));
}

// The value that a variable is now: a new one if its memory was written to through another
// variable.
std::optional<size_t> QuantizedInterpreter::current(size_t variable) {
  Variable& known = variables_[variable];
  if (known.version == version_of(known.tensor))
    return known.value;
  const std::optional<size_t> written = written_.at(known.tensor.storage().unsafeGetStorageImpl());
  for (const std::optional<size_t>& value : {known.value, written}) {
    if (value.has_value())
      values_[*value].readers.push_back({kNobody, 0});
  }
  values_.emplace_back();
  set_value(known.tensor, values_.size() - 1);
  return known.value;
}

// Variables may be one tensor: what contiguous() gives may be its operand.
void QuantizedInterpreter::set_value(const torch::Tensor& tensor, std::optional<size_t> value) {
  for (Variable& variable : variables_) {
    if (!variable.tensor.defined() || !variable.tensor.is_same(tensor))
      continue;
    variable.value = value;
    variable.version = version_of(tensor);
  }
}

std::optional<size_t> QuantizedInterpreter::read(size_t variable, size_t step, size_t operand) {
  const std::optional<size_t> value = current(variable);
  if (value.has_value() && steps_[step].kind != Kind::kHandOn)
    values_[*value].readers.push_back({step, operand});
  return value;
}

void QuantizedInterpreter::trace() {
  static const std::map<Kind, std::set<std::string>> kKinds = {
      {Kind::kProduct, {"conv2d", "conv2d_same", "linear", "matmul"}},
      {Kind::kFunction,
       {"relu", "relu6", "gelu", "silu", "sigmoid", "tanh", "hardswish", "leaky_relu", "clamp",
        "add_scalar", "mul_scalar", "relu_", "clamp_", "mul_scalar_"}},
      {Kind::kPair, {"add", "sub", "mul", "add_", "mul_"}},
      {Kind::kSum, {"avg_pool2d", "adaptive_avg_pool2d", "mean"}},
      {Kind::kStructure,
       {"max_pool2d", "upsample_nearest2d", "pad", "view", "reshape", "flatten", "t", "transpose",
        "permute", "slice", "chunk", "split"}},
      {Kind::kFloat, {"batch_norm", "layer_norm", "softmax", "cat"}},
      {Kind::kHandOn, {"dropout", "contiguous"}}};
  variables_.resize(network_.variables);
  for (size_t i = 0; i < network_.inputs.size(); ++i) {
    values_.emplace_back();
    variables_[i] = {network_.inputs[i].clone(), i, 0, {}};
  }
  for (size_t index = 0; index < network_.instructions.size(); ++index) {
    const Instruction& instruction = network_.instructions[index];
    steps_.emplace_back();
    for (const auto& [kind, names] : kKinds) {
      if (is_one_of(instruction.op, names))
        steps_[index].kind = kind;
    }
    std::vector<torch::Tensor> tensors;
    for (size_t i = 0; i < instruction.in.size(); ++i) {
      steps_[index].operands.push_back(read(instruction.in[i], index, i));
      tensors.push_back(variables_[instruction.in[i]].tensor);
    }
    for (const int parameter : instruction.parameters)
      tensors.push_back(parameter < 0 ? torch::Tensor()
                                      : network_.parameters[static_cast<size_t>(parameter)].tensor);
    const auto data = std::count_if(steps_[index].operands.begin(), steps_[index].operands.end(),
                                    [](const auto& value) { return value.has_value(); });
    if (steps_[index].kind == Kind::kPair && data < 2)
      steps_[index].kind = Kind::kFunction;
    add_results(index, call(instruction, tensors));
  }
  for (const size_t variable : network_.returned) {
    if (const std::optional<size_t> value = current(variable))
      values_[*value].is_returned = true;
  }
}

void QuantizedInterpreter::add_results(size_t step, const std::vector<torch::Tensor>& results) {
  const Instruction& instruction = network_.instructions[step];
  const std::vector<std::optional<size_t>> operands = steps_[step].operands;
  const bool is_data = std::any_of(operands.begin(), operands.end(),
                                   [](const auto& value) { return value.has_value(); });
  for (size_t i = 0; i < results.size(); ++i) {
    std::optional<size_t> value = is_data ? std::optional(values_.size()) : std::nullopt;
    if (steps_[step].kind == Kind::kHandOn)
      value = operands[0];
    else if (is_data)
      values_.push_back({step, {}});
    steps_[step].results.push_back(value);
    if (writes(instruction)) {
      note_write(results[i], *value);
      set_value(variables_[instruction.in[0]].tensor, value);
      continue;
    }
    Variable& made = variables_[instruction.out[i]];
    made = {results[i], value, version_of(results[i]), {}};
    if (instruction.in.empty())
      continue;
    const Variable& operand = variables_[instruction.in[0]];
    if (results[i].is_same(operand.tensor))
      made.value = operands[0];
    // What is a copy of a tensor may be a view of its values on a grid, which lie in other memory.
    const bool may_be_view = instruction.op == "reshape" || instruction.op == "flatten";
    if (share_memory(results[i], operand.tensor))
      made.views = operand.views;
    else if (!may_be_view)
      continue;
    if (steps_[step].kind != Kind::kHandOn)
      made.views.push_back(step);
  }
}

// Views of that memory must stay views.
void QuantizedInterpreter::note_write(const torch::Tensor& target, size_t value) {
  written_[target.storage().unsafeGetStorageImpl()] = value;
  for (const Variable& variable : variables_) {
    if (!variable.tensor.defined() || !share_memory(variable.tensor, target))
      continue;
    for (const size_t step : variable.views)
      steps_[step].is_view_of_written_memory = true;
  }
}

void QuantizedInterpreter::fold_batch_norms() {
  const auto uses = [&](int parameter) {
    return std::count_if(network_.instructions.begin(), network_.instructions.end(),
                         [&](const Instruction& instruction) {
                           return std::count(instruction.parameters.begin(),
                                             instruction.parameters.end(), parameter) != 0;
                         });
  };
  for (size_t norm = 0; norm < steps_.size(); ++norm) {
    if (network_.instructions[norm].op != "batch_norm" || !steps_[norm].operands[0].has_value())
      continue;
    const Value& value = values_[*steps_[norm].operands[0]];
    if (!value.step.has_value() || value.readers.size() != 1 || value.is_returned)
      continue;
    const Instruction& product = network_.instructions[*value.step];
    if (product.op.rfind("conv2d", 0) != 0 || uses(product.parameters[0]) != 1)
      continue;
    steps_[*value.step].norm = norm;
    steps_[norm].is_folded = true;
  }
}

bool QuantizedInterpreter::is_quantized_after(const Reader& reader) const {
  const Value& value = values_[*steps_[reader.step].operands[reader.operand]];
  if (value.readers.size() != 1 || value.is_returned)
    return false;
  if (!value.step.has_value())
    return *steps_[reader.step].operands[reader.operand] >= network_.inputs.size();
  return steps_[*value.step].kind != Kind::kStructure &&
         network_.instructions[*value.step].op != "cat";
}

// Also if it is the function behind that is quantized, as of a sum before relu.
bool QuantizedInterpreter::wants_result(const Step& step) const {
  return std::any_of(step.results.begin(), step.results.end(), [&](const auto& result) {
    if (!result.has_value())
      return false;
    const Value& value = values_[*result];
    if (value.is_wanted || value.readers.empty() || value.readers[0].step == kNobody)
      return value.is_wanted;
    const Step& next = steps_[value.readers[0].step];
    return next.kind == Kind::kFunction && is_quantized_after(value.readers[0]) &&
           wants_result(next);
  });
}

// A structure moves elements on their grid if nobody reads its results in float.
bool QuantizedInterpreter::is_read_on_grids_only(const Step& step) const {
  bool any = false;
  for (const auto& result : step.results) {
    if (!result.has_value())
      continue;
    const Value& value = values_[*result];
    if (value.is_returned || !std::all_of(value.readers.begin(), value.readers.end(),
                                          [&](const Reader& reader) { return wants(reader); }))
      return false;
    any = any || !value.readers.empty();
  }
  return any;
}

bool QuantizedInterpreter::wants(const Reader& reader) const {
  if (reader.step == kNobody)
    return false;
  const Step& step = steps_[reader.step];
  const bool is_result_wanted = wants_result(step);
  switch (step.kind) {
    case Kind::kProduct:
      return true;
    case Kind::kFunction:
      return is_result_wanted && !is_quantized_after(reader);
    case Kind::kPair:
    case Kind::kSum:
      return is_result_wanted;
    case Kind::kStructure:
      return is_read_on_grids_only(step) && !step.is_view_of_written_memory;
    case Kind::kFloat:
    case Kind::kHandOn:
      return false;
  }
  return false;
}

void QuantizedInterpreter::find_wanted() {
  for (bool changed = true; changed;) {
    changed = false;
    for (Value& value : values_) {
      if (!value.is_wanted && std::any_of(value.readers.begin(), value.readers.end(),
                                          [&](const Reader& reader) { return wants(reader); }))
        changed = value.is_wanted = true;
    }
  }
}

void QuantizedInterpreter::find_places() {
  for (Value& value : values_) {
    if (!value.is_wanted)
      continue;
    const bool is_structure =
        value.step.has_value() && steps_[*value.step].kind == Kind::kStructure;
    const bool is_view = is_structure && steps_[*value.step].is_view_of_written_memory;
    if (is_structure && steps_[*value.step].operands[0].has_value() && wants({*value.step, 0}))
      continue;
    const bool all_want = std::all_of(value.readers.begin(), value.readers.end(),
                                      [&](const Reader& reader) { return wants(reader); });
    value.place = value.step.has_value() && all_want && !value.is_returned && !is_view
                      ? Place::kResult
                      : Place::kReaders;
  }
}

void QuantizedInterpreter::calibrate(const ff::Inputs& batch) {
  const at::NoGradGuard no_grad;
  run(batch, Mode::kCalibrate);
}

std::vector<torch::Tensor> QuantizedInterpreter::forward(const ff::Inputs& batch) {
  return run(batch, Mode::kQuantize);
}

std::vector<torch::Tensor> QuantizedInterpreter::run(const ff::Inputs& batch, Mode mode) {
  std::vector<torch::Tensor> variables(network_.variables);
  for (size_t i = 0; i < batch.size(); ++i)
    variables[i] = batch[i].toTensor().clone();
  for (size_t index = 0; index < steps_.size(); ++index) {
    const Instruction& instruction = network_.instructions[index];
    std::vector<torch::Tensor> tensors;
    for (const size_t variable : instruction.in)
      tensors.push_back(variables[variable]);
    for (const int parameter : instruction.parameters)
      tensors.push_back(parameter < 0 ? torch::Tensor()
                                      : network_.parameters[static_cast<size_t>(parameter)].tensor);
    const std::vector<torch::Tensor> results = run_step(index, tensors, mode);
    for (size_t i = 0; i < instruction.out.size(); ++i)
      variables[instruction.out[i]] = results[i];
  }
  std::vector<torch::Tensor> outputs;
  for (const size_t variable : network_.returned)
    outputs.push_back(variables[variable]);
  return outputs;
}

// A value on its grid; while calibrating, as it is.
torch::Tensor QuantizedInterpreter::visit(size_t index, const torch::Tensor& tensor, Mode mode) {
  Value& value = values_[index];
  if (mode == Mode::kCalibrate) {
    const auto min = tensor.min().item<float>(), max = tensor.max().item<float>();
    value.min = value.has_range ? std::min(value.min, min) : min;
    value.max = value.has_range ? std::max(value.max, max) : max;
    value.has_range = true;
    return tensor;
  }
  const bool one_sided =
      value.step.has_value() && is_nonnegative(network_.instructions[*value.step]);
  const float low = one_sided ? 0.0F : value.min;
  const float scale = std::max((value.max - low) / 255.0F, kSmallestScale);
  const float offset = low / scale + 128.0F;
  return ff::fake_quantize(tensor, torch::full({1}, scale), torch::full({1}, offset),
                           ff::PerTensor(), 8);
}

torch::Tensor QuantizedInterpreter::weight_on_grid(const torch::Tensor& weight,
                                                   int64_t axis) const {
  std::vector<int64_t> others;
  for (int64_t i = 0; i < weight.dim(); ++i) {
    if (i != axis)
      others.push_back(i);
  }
  const torch::Tensor largest = weight.detach().abs().amax(others);
  const torch::Tensor scale = (largest / 127.0F).clamp_min(kSmallestScale);
  return ff::fake_quantize(weight, scale, std::nullopt, ff::PerChannel(axis), 8);
}

bool QuantizedInterpreter::quantizes_operand(const Reader& reader) const {
  const std::optional<size_t> value = steps_[reader.step].operands[reader.operand];
  return value.has_value() && values_[*value].place == Place::kReaders && wants(reader);
}

std::vector<torch::Tensor> QuantizedInterpreter::run_step(size_t index,
                                                          std::vector<torch::Tensor> tensors,
                                                          Mode mode) {
  const Instruction& instruction = network_.instructions[index];
  const Step& step = steps_[index];
  const bool on = mode == Mode::kQuantize;
  const torch::Tensor target = tensors[0];
  for (size_t i = 0; i < step.operands.size(); ++i) {
    if (quantizes_operand({index, i}))
      tensors[i] = visit(*step.operands[i], tensors[i], mode);
  }
  const size_t weight = instruction.in.size();
  if (on && step.norm.has_value()) {
    const auto parameter = [&](size_t i) {
      const int position = network_.instructions[*step.norm].parameters[i];
      return position < 0 ? torch::Tensor()
                          : network_.parameters[static_cast<size_t>(position)].tensor;
    };
    torch::Tensor factor = torch::rsqrt(parameter(3) + 1e-5);
    if (parameter(0).defined())
      factor = factor * parameter(0);
    const torch::Tensor bias = tensors[weight + 1];
    tensors[weight + 1] = (bias.defined() ? bias - parameter(2) : -parameter(2)) * factor;
    if (parameter(1).defined())
      tensors[weight + 1] = tensors[weight + 1] + parameter(1);
    tensors[weight] = tensors[weight] * factor.reshape({-1, 1, 1, 1});
  }
  const bool has_weight = step.kind == Kind::kProduct && instruction.parameters.size() > 0;
  if (on && (has_weight || instruction.op == "t"))
    tensors[weight] = weight_on_grid(tensors[weight], instruction.op == "matmul" ? 1 : 0);
  const bool keeps_target =
      on && writes(instruction) &&
      (!tensors[0].is_same(target) || values_[*step.results[0]].place == Place::kResult);
  if (keeps_target && tensors[0].is_same(target))
    tensors[0] = target.clone();
  std::vector<torch::Tensor> results = {tensors[0]};
  if (!on || !step.is_folded)
    results = call(instruction, tensors);
  for (size_t i = 0; i < results.size(); ++i) {
    const std::optional<size_t> value = step.results[i];
    if (step.kind != Kind::kHandOn && value.has_value() && values_[*value].place == Place::kResult)
      results[i] = visit(*value, results[i], mode);
  }
  if (keeps_target)
    torch::Tensor(target).copy_(results[0]);
  return results;
}

}  // namespace ff::test
