#include "fastforward/model/float_model.h"

#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/passes/inliner.h>
#include <torch/csrc/jit/runtime/graph_executor.h>
#include <torch/csrc/jit/runtime/interpreter.h>

#include <unordered_set>

#include "fastforward/model/mpath_tree.h"
#include "fastforward/model/quantized_model.h"
#include "fastforward/nn/module_state.h"
#include "fastforward/nn/quantizer_stub.h"

namespace ff {
namespace detail {
namespace {

std::string class_of(const torch::jit::Module& module) {
  // "__torch__.torch.nn.modules.conv.___torch_mangle_3.Conv2d"
  const std::string name = module.type()->name().has_value() ? module.type()->name()->name() : "";
  return name.empty() ? "Module" : name;
}

// Each tensor once.
struct TensorList {
  std::vector<ModelTensor> all;
  std::unordered_set<const c10::TensorImpl*> seen;

  void add(const std::string& name, const at::Tensor& tensor, bool is_buffer) {
    if (tensor.defined() && seen.insert(tensor.unsafeGetTensorImpl()).second)
      all.push_back({name, tensor, is_buffer});
  }
};

// Puts a tensor back to the values that it has now, if it was written to since.
std::function<void()> keep_values(const at::Tensor& tensor) {
  const at::NoGradGuard no_grad;
  return [tensor, values = tensor.clone()]() mutable {
    const at::NoGradGuard no_grad;
    if (!at::equal(tensor, values))
      tensor.copy_(values);
  };
}

std::function<void()> in_order(std::vector<std::function<void()>> all) {
  return [all = std::move(all)] {
    for (const auto& one : all)
      one();
  };
}

void append_tensors(const c10::ivalue::Object& module, std::vector<at::Tensor>& tensors) {
  for (const c10::IValue& slot : module.slots()) {
    if (slot.isTensor())
      tensors.push_back(slot.toTensor());
    else if (slot.isObject() && slot.toObjectRef().type()->is_module())
      append_tensors(slot.toObjectRef(), tensors);
  }
}

// The forward's graph as it was written, one operator after the other. LibTorch's own executor
// keeps what it optimized in an earlier run of the module, where operators are fused or gone.
class PlainCode {
 public:
  explicit PlainCode(const torch::jit::Module& module) {
    const auto forward = module.find_method("forward");
    if (!forward.has_value())
      return;
    const std::shared_ptr<torch::jit::Graph> graph = forward->graph()->copy();
    torch::jit::Inline(*graph);
    torch::jit::runRequiredPasses(graph);
    code_ = torch::jit::Code(graph, forward->name());
  }

  c10::IValue run(const torch::jit::Module& module, const Inputs& inputs) const {
    const torch::jit::Method forward = module.get_method("forward");
    torch::jit::Stack stack = {module._ivalue()};
    stack.insert(stack.end(), inputs.begin(), inputs.end());
    forward.function().getSchema().checkAndNormalizeInputs(stack);
    // Functions that could not be inlined have executors of their own.
    const torch::jit::GraphOptimizerEnabledGuard plain(false);
    // What the model forks runs here, in this thread, where it is seen and in the same order
    // always.
    const auto run_here = [](const std::function<void()>& task) { task(); };
    torch::jit::InterpreterState(code_, run_here).run(stack);
    return std::move(stack.back());
  }

 private:
  torch::jit::Code code_;
};

class ScriptSource final : public ModelSource {
 public:
  explicit ScriptSource(torch::jit::Module module) : module_(std::move(module)), code_(module_) {}

  c10::IValue forward(const Inputs& inputs) override {
    return code_.run(module_, inputs);
  }
  std::vector<ModelTensor> tensors() const override {
    TensorList tensors;
    for (const auto& parameter : module_.named_parameters())
      tensors.add(parameter.name, parameter.value, false);
    for (const auto& buffer : module_.named_buffers())
      tensors.add(buffer.name, buffer.value, true);
    return tensors.all;
  }
  std::vector<at::Tensor> bare_tensors() const override {
    std::vector<at::Tensor> tensors;
    append_tensors(*module_._ivalue(), tensors);
    return tensors;
  }
  ModelOwner owner(const std::string& path) const override {
    torch::jit::Module module = module_;
    for (size_t begin = 0; begin < path.size();) {
      const size_t end = std::min(path.find('.', begin), path.size());
      module = module.attr(path.substr(begin, end - begin)).toModule();
      begin = end + 1;
    }
    return {class_of(module), nullptr};
  }
  std::function<void()> keep_state() const override {
    std::vector<std::function<void()>> all;
    for (const torch::jit::Module& part : module_.modules()) {
      for (size_t slot = 0; slot < part.type()->numAttributes(); ++slot) {
        const c10::IValue value = part._ivalue()->getSlot(slot);
        if (part.type()->is_parameter(slot) || value.isObject())
          continue;
        const c10::IValue kept = value.isTensor() ? value : value.deepcopy();
        all.push_back([object = part._ivalue(), slot, kept] { object->setSlot(slot, kept); });
        if (value.isTensor() && value.toTensor().defined())
          all.push_back(keep_values(value.toTensor()));
      }
    }
    return in_order(std::move(all));
  }
  std::shared_ptr<ModelSource> clone() const override {
    return std::make_shared<ScriptSource>(module_.deepcopy());
  }
  // Frozen modules, and those written in C++, have no attribute for it.
  void train(bool on) override {
    for (const torch::jit::Module& part : module_.modules()) {
      if (const auto slot = part.type()->findAttributeSlot(kTraining))
        part._ivalue()->setSlot(*slot, on);
    }
  }
  bool is_training() const override {
    return module_.hasattr(kTraining) && module_.attr(kTraining).toBool();
  }

 private:
  static constexpr const char* kTraining = "training";

  torch::jit::Module module_;
  PlainCode code_;
};

class FunctionSource final : public ModelSource {
 public:
  explicit FunctionSource(std::function<c10::IValue(const Inputs&)> function)
      : function_(std::move(function)) {}

  c10::IValue forward(const Inputs& inputs) override {
    return function_(inputs);
  }
  std::vector<ModelTensor> tensors() const override {
    return {};
  }
  ModelOwner owner(const std::string&) const override {
    return {"function", nullptr};
  }
  std::shared_ptr<ModelSource> clone() const override {
    TORCH_CHECK_NOT_IMPLEMENTED(false,
                                "clone: the model is a function, and what it captures cannot be "
                                "copied; give a torch::nn::Module or a torch::jit::Module.");
  }
  void train(bool on) override {
    is_training_ = on;
  }
  bool is_training() const override {
    return is_training_;
  }

 private:
  std::function<c10::IValue(const Inputs&)> function_;
  bool is_training_ = false;
};

}  // namespace

std::vector<at::Tensor> ModelSource::bare_tensors() const {
  std::vector<at::Tensor> bare;
  for (const ModelTensor& tensor : tensors())
    bare.push_back(tensor.tensor);
  return bare;
}

std::function<void()> ModelSource::keep_state() const {
  std::vector<std::function<void()>> all;
  for (const ModelTensor& tensor : tensors()) {
    if (tensor.is_buffer)
      all.push_back(keep_values(tensor.tensor));
  }
  return in_order(std::move(all));
}

void refuse_inputs(const std::string& called, const Inputs& inputs, const std::string& expected) {
  std::string given;
  for (const c10::IValue& input : inputs)
    given += (given.empty() ? "" : ", ") + input.type()->repr_str();
  TORCH_CHECK_TYPE(false, called, " cannot be called with ", inputs.size(), " inputs (",
                   given.empty() ? "none" : given, "); ", expected, ".");
}

bool are_tensors(const Inputs& inputs) {
  return std::all_of(inputs.begin(), inputs.end(),
                     [](const c10::IValue& input) { return input.isTensor(); });
}

void check_plain_module(const torch::nn::Module* module) {
  TORCH_CHECK_VALUE(module != nullptr,
                    "FloatModel: the module is null; give one that was made, for example with "
                    "std::make_shared.");
  const auto check = [](const torch::nn::Module& part, const std::string& path) {
    TORCH_CHECK_NOT_IMPLEMENTED(
        dynamic_cast<const QuantizedModelImpl*>(&part) == nullptr,
        "FloatModel: ", path.empty() ? "the model" : "'" + path + "'",
        " is a quantized model already; quantize the plain model that it was made of.");
    const auto* quantizer = dynamic_cast<const nn::QuantizerImpl*>(&part);
    TORCH_CHECK_NOT_IMPLEMENTED(
        quantizer == nullptr || nn::is_stub(*quantizer), "FloatModel: '", path, "' is a ",
        mpath::detail::class_name_of(part),
        ": the model has quantizers of its own. Use it as it is, or quantize the plain model.");
  };
  check(*module, "");
  for (const auto& child : module->named_modules("", /*include_self=*/false))
    check(*child.value(), child.key());
}

std::vector<ModelTensor> tensors_of(const torch::nn::Module& module) {
  TensorList tensors;
  for (const auto& parameter : module.named_parameters())
    tensors.add(parameter.key(), parameter.value(), false);
  for (const auto& buffer : module.named_buffers())
    tensors.add(buffer.key(), buffer.value(), true);
  return tensors.all;
}

std::vector<at::Tensor> bare_tensors_of(const torch::nn::Module& module) {
  std::vector<at::Tensor> tensors;
  nn::detail::ModuleState::append_tensors(module, tensors);
  return tensors;
}

ModelOwner owner_in(const std::shared_ptr<torch::nn::Module>& module, const std::string& path) {
  std::shared_ptr<torch::nn::Module> owner = module;
  for (size_t begin = 0; begin < path.size();) {
    const size_t end = std::min(path.find('.', begin), path.size());
    owner = owner->named_children()[path.substr(begin, end - begin)];
    begin = end + 1;
  }
  return {mpath::detail::class_name_of(*owner), owner};
}

std::shared_ptr<ModelSource> function_source(std::function<c10::IValue(const Inputs&)> function) {
  return std::make_shared<FunctionSource>(std::move(function));
}

}  // namespace detail

FloatModel::FloatModel(std::shared_ptr<detail::ModelSource> source) : source_(std::move(source)) {}

FloatModel::FloatModel(const torch::jit::Module& module)
    : source_(std::make_shared<detail::ScriptSource>(module)) {}

}  // namespace ff
