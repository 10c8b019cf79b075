#pragma once

#include <torch/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "fastforward/model/float_model.h"

/// Random networks, each of which can run as a torch::nn::Module and as TorchScript.
namespace ff::test {

/// A call of an operator: "conv2d" of variables and parameters.
struct Instruction {
  /// The operator, a line of the table in network_operators.cpp.
  std::string op;
  /// Variables that it reads. An operator whose name ends in _ writes to the first.
  std::vector<size_t> in;
  /// Parameters that it reads after them, -1 for one that is left out.
  std::vector<int> parameters;
  /// Further arguments.
  std::vector<int64_t> ints;
  /// Further arguments.
  std::vector<double> reals;
  /// Variables for its results.
  std::vector<size_t> out;
};

/// A parameter or buffer.
struct NetworkParameter {
  /// The module and the name in it: "layer3.weight".
  std::string module, name;
  /// Its values.
  torch::Tensor tensor;
  /// True for a buffer.
  bool is_buffer;
};

/// A straight program on variables; the first ones are the inputs.
struct Network {
  /// Example inputs.
  std::vector<torch::Tensor> inputs;
  /// All parameters.
  std::vector<NetworkParameter> parameters;
  /// What runs.
  std::vector<Instruction> instructions;
  /// Variables that are returned.
  std::vector<size_t> returned;
  /// Number of variables.
  size_t variables = 0;

  /// Trainable parameters.
  std::vector<torch::Tensor> trainable() const;
  /// Inputs of another batch: new memory, random values, so many rows.
  ff::Inputs batch(uint64_t seed, int64_t rows = 2) const;
};

/// What a network may have.
struct NetworkOptions {
  /// Operators that write to their operand.
  bool in_place = true;
};

/// Makes a network, the same for each seed.
Network random_network(uint64_t seed, const NetworkOptions& options = {});

/// Calls the operator of an instruction. `tensors`: variables, then parameters.
std::vector<torch::Tensor> call(const Instruction& instruction,
                                const std::vector<torch::Tensor>& tensors);

/// The instruction as a line of TorchScript, given the names of the tensors.
std::string script_line(const Instruction& instruction, const std::vector<std::string>& tensors);

/// The forward as TorchScript.
std::string script_of(const Network& network);

/// The network as a torch::nn::Module.
ff::FloatModel nn_model(const Network& network);

/// The network as TorchScript.
ff::FloatModel script_model(const Network& network);

/// All tensors that a model gave.
std::vector<torch::Tensor> outputs_of(const c10::IValue& result);

}  // namespace ff::test
