#include <torch/script.h>
#include <torch/torch.h>

#include <map>
#include <memory>

#include "property/random_network.h"
#include "support/tensors.h"

namespace ff::test {
namespace {

std::vector<torch::Tensor> run(const Network& network, const ff::Inputs& inputs) {
  std::vector<torch::Tensor> variables(network.variables);
  for (size_t i = 0; i < inputs.size(); ++i)
    variables[i] = inputs[i].toTensor();
  for (const Instruction& instruction : network.instructions) {
    std::vector<torch::Tensor> tensors;
    for (const size_t variable : instruction.in)
      tensors.push_back(variables[variable]);
    for (const int parameter : instruction.parameters)
      tensors.push_back(parameter < 0 ? torch::Tensor()
                                      : network.parameters[static_cast<size_t>(parameter)].tensor);
    const std::vector<torch::Tensor> results = call(instruction, tensors);
    for (size_t i = 0; i < instruction.out.size(); ++i)
      variables[instruction.out[i]] = results[i];
  }
  std::vector<torch::Tensor> outputs;
  for (const size_t variable : network.returned)
    outputs.push_back(variables[variable]);
  return outputs;
}

class NetworkImpl : public torch::nn::Module {
 public:
  explicit NetworkImpl(const Network& network) : torch::nn::Module("Network"), network_(network) {
    std::map<std::string, std::shared_ptr<torch::nn::Module>> modules;
    for (const NetworkParameter& parameter : network.parameters) {
      std::shared_ptr<torch::nn::Module>& owner = modules[parameter.module];
      if (owner == nullptr)
        owner = register_module(parameter.module, std::make_shared<torch::nn::Module>("Layer"));
      if (parameter.is_buffer)
        owner->register_buffer(parameter.name, parameter.tensor);
      else
        owner->register_parameter(parameter.name, parameter.tensor);
    }
  }
  c10::IValue forward(const ff::Inputs& inputs) const {
    return run(network_, inputs);
  }

 private:
  Network network_;
};

}  // namespace

std::vector<torch::Tensor> Network::trainable() const {
  std::vector<torch::Tensor> tensors;
  for (const NetworkParameter& parameter : parameters) {
    if (!parameter.is_buffer)
      tensors.push_back(parameter.tensor);
  }
  return tensors;
}

ff::Inputs Network::batch(uint64_t seed, int64_t rows) const {
  ff::Inputs batch;
  for (const torch::Tensor& input : inputs) {
    std::vector<int64_t> shape = input.sizes().vec();
    shape[0] = rows;
    batch.emplace_back(random_data(shape, seed++));
  }
  return batch;
}

std::string script_of(const Network& network) {
  const auto name = [](size_t variable) { return "v" + std::to_string(variable); };
  std::string text = "def forward(self";
  for (size_t i = 0; i < network.inputs.size(); ++i)
    text += ", " + name(i);
  text += "):\n";
  for (size_t i = 0; i < network.instructions.size(); ++i) {
    const Instruction& instruction = network.instructions[i];
    std::vector<std::string> tensors;
    for (const size_t variable : instruction.in)
      tensors.push_back(name(variable));
    for (const int index : instruction.parameters) {
      if (index < 0) {
        tensors.emplace_back("None");
        continue;
      }
      const NetworkParameter& parameter = network.parameters[static_cast<size_t>(index)];
      tensors.push_back("self." + parameter.module + "." + parameter.name);
    }
    const std::string line = script_line(instruction, tensors);
    if (instruction.out.empty()) {
      text += "  " + line + "\n";
    } else if (instruction.out.size() == 1) {
      text += "  " + name(instruction.out[0]) + " = " + line + "\n";
    } else {
      const std::string list = "list" + std::to_string(i);
      text += "  " + list + " = " + line + "\n";
      for (size_t k = 0; k < instruction.out.size(); ++k)
        text += "  " + name(instruction.out[k]) + " = " + list + "[" + std::to_string(k) + "]\n";
    }
  }
  text += "  return [";
  for (const size_t variable : network.returned)
    text += name(variable) + ", ";
  text.resize(text.size() - 2);
  return text + "]\n";
}

ff::FloatModel nn_model(const Network& network) {
  return ff::FloatModel(
      std::make_shared<NetworkImpl>(network),
      [](NetworkImpl& module, const ff::Inputs& inputs) { return module.forward(inputs); });
}

ff::FloatModel script_model(const Network& network) {
  torch::jit::Module model("Network");
  std::map<std::string, std::vector<const NetworkParameter*>> modules;
  for (const NetworkParameter& parameter : network.parameters)
    modules[parameter.module].push_back(&parameter);
  for (const auto& [module, parameters] : modules) {
    torch::jit::Module layer("Layer");
    for (const NetworkParameter* parameter : parameters) {
      if (parameter->is_buffer)
        layer.register_buffer(parameter->name, parameter->tensor);
      else
        layer.register_parameter(parameter->name, parameter->tensor, false);
    }
    model.register_module(module, layer);
  }
  model.define(script_of(network));
  return ff::FloatModel(model);
}

std::vector<torch::Tensor> outputs_of(const c10::IValue& result) {
  return result.isTensor() ? std::vector{result.toTensor()} : result.toTensorVector();
}

}  // namespace ff::test
