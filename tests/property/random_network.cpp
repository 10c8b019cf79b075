#include "property/random_network.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <functional>
#include <random>

#include "support/tensors.h"

namespace ff::test {
namespace {

constexpr double kLargest = 1e3;

// Runs each instruction when it is added, so that shapes are known and nothing is too large.
class Generator {
 public:
  Generator(uint64_t seed, const NetworkOptions& options) : options_(options), random_(seed) {}

  Network make() {
    const at::NoGradGuard no_grad;
    const int64_t inputs = pick(1, 4) == 1 ? 2 : 1;
    for (int64_t i = 0; i < inputs; ++i) {
      add_variable(random_data({2, 4, 8, 8}, random_()));
      network_.inputs.push_back(values_.back().clone());
    }
    const int64_t steps = pick(4, 16);
    for (int64_t step = 0; step < steps; ++step)
      add_something();
    while (!has_product_)
      add_layer(0);
    finish();
    network_.variables = values_.size();
    return std::move(network_);
  }

 private:
  int64_t pick(int64_t from, int64_t to) {
    return std::uniform_int_distribution<int64_t>(from, to)(random_);
  }
  bool flip() {
    return pick(0, 1) == 1;
  }
  double real(double from, double to) {
    return std::uniform_real_distribution<double>(from, to)(random_);
  }

  size_t add_variable(const torch::Tensor& value, bool is_data = true) {
    values_.push_back(value);
    is_read_.push_back(false);
    if (is_data)
      data_.push_back(values_.size() - 1);
    return values_.size() - 1;
  }

  // A variable, the newer the likelier.
  size_t pick_variable() {
    const auto last = static_cast<int64_t>(data_.size()) - 1;
    return data_[static_cast<size_t>(std::max(pick(0, last), flip() ? last - pick(0, 3) : 0))];
  }
  // A variable of that shape, maybe the same one.
  size_t pick_like(size_t variable) {
    std::vector<size_t> alike;
    std::copy_if(data_.begin(), data_.end(), std::back_inserter(alike),
                 [&](size_t i) { return values_[i].sizes() == values_[variable].sizes(); });
    return alike[static_cast<size_t>(pick(0, static_cast<int64_t>(alike.size()) - 1))];
  }

  int add_parameter(const std::string& module, const std::string& name, at::IntArrayRef shape,
                    double scale, double shift = 0, bool is_buffer = false) {
    torch::Tensor tensor = random_data(shape, random_()) * scale + shift;
    if (is_buffer && shift != 0)
      tensor = tensor.abs() + 0.1;
    network_.parameters.push_back({module, name, tensor, is_buffer});
    if (!is_buffer)
      tensor.requires_grad_();
    return static_cast<int>(network_.parameters.size()) - 1;
  }
  std::string new_module() {
    return "layer" + std::to_string(modules_++);
  }

  // Adds a call; returns its first result, or the operand if the call is not possible.
  size_t add(Instruction instruction) {
    std::vector<torch::Tensor> tensors, results;
    for (const size_t variable : instruction.in)
      tensors.push_back(values_[variable]);
    for (const int parameter : instruction.parameters)
      tensors.push_back(parameter < 0 ? torch::Tensor()
                                      : network_.parameters[static_cast<size_t>(parameter)].tensor);
    const size_t operand = instruction.in.empty() ? 0 : instruction.in[0];
    const bool writes = instruction.op.back() == '_';
    try {
      results = call(instruction, tensors);
    } catch (const c10::Error&) {
      return operand;
    }
    for (const torch::Tensor& result : results) {
      if (!writes && (result.numel() == 0 || result.numel() > 4096 ||
                      !result.abs().max().lt(kLargest).item<bool>()))
        return operand;
    }
    for (const size_t variable : instruction.in)
      is_read_[variable] = true;
    if (writes)
      is_read_[operand] = false;
    for (size_t i = 0; !writes && i < results.size(); ++i)
      instruction.out.push_back(add_variable(results[i], !instruction.in.empty()));
    network_.instructions.push_back(instruction);
    return writes ? operand : instruction.out[0];
  }

  void add_something() {
    const size_t x = pick_variable();
    switch (pick(0, 9)) {
      case 0:
      case 1:
      case 2:
        add_layer(x);
        break;
      case 3:
        add_function(x);
        break;
      case 4:
        add_pair(x);
        break;
      case 5:
        add_pool(x);
        break;
      case 6:
      case 7:
        add_structure(x);
        break;
      case 8:
        add_float(x);
        break;
      default:
        if (options_.in_place)
          add_write(x);
        else
          add_function(x);
    }
  }

  // A layer with a weight: of its own, or that of an earlier layer.
  void add_layer(size_t x) {
    size_t y = x;
    if (!layers_.empty() && pick(0, 3) == 0) {
      Instruction again =
          layers_[static_cast<size_t>(pick(0, static_cast<int64_t>(layers_.size()) - 1))];
      again.in[0] = x;
      // A convolution takes a matrix too, as one picture of a batch; not any batch then.
      if (again.op.rfind("conv2d", 0) != 0 || values_[x].dim() == 4)
        y = add(again);
    } else if (values_[x].dim() == 4) {
      y = add_convolution(x);
    } else {
      y = add_matrix(x);
    }
    if (y == x)
      return;
    has_product_ = true;
    if (pick(0, 2) > 0)
      add_function(y);
  }

  size_t add_convolution(size_t x) {
    const int64_t channels = values_[x].size(1);
    const int64_t groups = pick(0, 3) == 0                        ? channels
                           : channels % 2 == 0 && pick(0, 3) == 0 ? 2
                                                                  : 1;
    const int64_t out = groups * pick(1, groups == channels ? 2 : 3);
    const bool is_same = pick(0, 3) == 0;
    const int64_t kernel = is_same ? pick(1, 4) : flip() ? 1 : 3, stride = pick(0, 3) == 0 ? 2 : 1;
    const std::string module = new_module();
    const double scale = 1.0 / static_cast<double>(kernel * 2);
    const int weight =
        add_parameter(module, "weight", {out, channels / groups, kernel, kernel}, scale);
    const int bias = flip() ? add_parameter(module, "bias", {out}, 0.3) : -1;
    const Instruction layer =
        is_same ? Instruction{"conv2d_same", {x}, {weight, bias}, {pick(1, 2), groups}, {}, {}}
                : Instruction{"conv2d", {x}, {weight, bias}, {stride, kernel / 2, groups}, {}, {}};
    const size_t y = add(layer);
    if (y == x)
      return x;
    if (flip()) {
      layers_.push_back(layer);
      return y;
    }
    const std::string norm = new_module();
    const int gamma = flip() ? add_parameter(norm, "weight", {out}, 0.3, 1) : -1;
    const int beta = gamma >= 0 ? add_parameter(norm, "bias", {out}, 0.3) : -1;
    const int mean = add_parameter(norm, "running_mean", {out}, 0.3, 0, true);
    const int variance = add_parameter(norm, "running_var", {out}, 0.3, 1, true);
    return add({"batch_norm", {y}, {gamma, beta, mean, variance}, {}, {}, {}});
  }

  size_t add_matrix(size_t x) {
    const int64_t columns = values_[x].size(-1), out = pick(2, 6);
    const std::string module = new_module();
    const double scale = 1.0 / std::sqrt(static_cast<double>(columns));
    const int64_t kind = pick(0, 3);
    if (kind == 0 && values_[x].dim() == 3)
      return add_attention(x);
    if (kind == 1) {
      const int weight = add_parameter(module, "weight", {columns, out}, scale);
      const Instruction layer{"matmul", {x}, {weight}, {}, {}, {}};
      layers_.push_back(layer);
      return add(layer);
    }
    const int weight = add_parameter(module, "weight", {out, columns}, scale);
    if (kind == 2) {
      const size_t transposed = values_.size();
      add({"t", {}, {weight}, {}, {}, {}});
      if (transposed == values_.size())
        return x;
      return add({"matmul", {x, transposed}, {}, {}, {}, {}});
    }
    const int bias = flip() ? add_parameter(module, "bias", {out}, 0.3) : -1;
    const Instruction layer{"linear", {x}, {weight, bias}, {}, {}, {}};
    layers_.push_back(layer);
    return add(layer);
  }

  // x * x^T of [N, L, C].
  size_t add_attention(size_t x) {
    const size_t y = add({"transpose", {x}, {}, {1, 2}, {}, {}});
    const size_t scores = add({"matmul", {x, y}, {}, {}, {}, {}});
    const size_t weights = add({"softmax", {scores}, {}, {-1}, {}, {}});
    return add({"matmul", {weights, x}, {}, {}, {}, {}});
  }

  size_t add_function(size_t x) {
    static const std::vector<Instruction> functions = {
        {"relu", {}, {}, {}, {}, {}},          {"relu", {}, {}, {}, {}, {}},
        {"relu6", {}, {}, {}, {}, {}},         {"gelu", {}, {}, {}, {}, {}},
        {"silu", {}, {}, {}, {}, {}},          {"sigmoid", {}, {}, {}, {}, {}},
        {"tanh", {}, {}, {}, {}, {}},          {"hardswish", {}, {}, {}, {}, {}},
        {"leaky_relu", {}, {}, {}, {0.1}, {}}, {"clamp", {}, {}, {}, {-1, 1.5}, {}},
        {"clamp", {}, {}, {}, {0, 1}, {}},     {"clamp", {}, {}, {}, {0, 6}, {}},
        {"add_scalar", {}, {}, {}, {1.5}, {}}, {"mul_scalar", {}, {}, {}, {-0.7}, {}},
        {"relu_", {}, {}, {}, {}, {}},         {"clamp_", {}, {}, {}, {-1, 2}, {}}};
    Instruction function = functions[static_cast<size_t>(pick(0, options_.in_place ? 15 : 13))];
    function.in = {x};
    return add(function);
  }

  void add_pair(size_t x) {
    static const std::vector<std::string> names = {"add", "add", "sub", "mul"};
    const std::string& name = names[static_cast<size_t>(pick(0, 3))];
    if (pick(0, 3) == 0) {  // with a parameter
      const int parameter = add_parameter(new_module(), "scale", {values_[x].size(-1)}, 0.5, 1);
      add({name, {x}, {parameter}, {}, {}, {}});
    } else {
      add({name, {x, pick_like(x)}, {}, {}, {}, {}});
    }
  }

  void add_pool(size_t x) {
    if (values_[x].dim() != 4) {
      if (values_[x].dim() == 3)
        add({"mean", {x}, {}, {flip() ? 1 : 2}, {}, {}});
      return;
    }
    switch (pick(0, 5)) {
      case 0:
        add({"max_pool2d",
             {x},
             {},
             flip() ? std::vector<int64_t>{2, 2, 0} : std::vector<int64_t>{3, pick(1, 2), 1},
             {},
             {}});
        break;
      case 5:
        add({"upsample_nearest2d", {x}, {}, {}, {2, flip() ? 1.0 : 1.5}, {}});
        break;
      case 1:
        add({"avg_pool2d", {x}, {}, {}, {}, {}});
        break;
      case 2:
        add({"adaptive_avg_pool2d",
             {x},
             {},
             flip() ? std::vector<int64_t>{1, 1} : std::vector<int64_t>{2, 2},
             {},
             {}});
        break;
      case 3:
        add({"mean", {x}, {}, {2, 3}, {}, {}});
        break;
      default:
        add({"pad", {x}, {}, {1, 0, 1, 1}, {}, {}});
    }
  }

  void add_structure(size_t x) {
    const int64_t dim = values_[x].dim();
    switch (pick(0, 8)) {
      case 0:
        add({"view", {x}, {}, {-1, values_[x][0].numel()}, {}, {}});
        break;
      case 1:
        add({"reshape",
             {x},
             {},
             {-1, values_[x].size(1), values_[x][0].numel() / values_[x].size(1)},
             {},
             {}});
        break;
      case 2:
        add({"flatten", {x}, {}, {dim == 4 ? pick(1, 2) : 1}, {}, {}});
        break;
      case 3:
        if (dim > 2)
          add({"transpose", {x}, {}, {dim - 2, dim - 1}, {}, {}});
        break;
      case 4:
        if (dim == 4)
          add({"permute", {x}, {}, {0, 1, 3, 2}, {}, {}});
        else if (dim == 2)
          add({"view", {x}, {}, {-1, values_[x].size(1), 1, 1}, {}, {}});
        break;
      case 5:
        add({"slice", {x}, {}, {1, pick(0, 1), pick(1, values_[x].size(1)), pick(1, 2)}, {}, {}});
        break;
      case 6:
        add({flip() ? "dropout" : "contiguous", {x}, {}, {}, {}, {}});
        break;
      default:
        if (values_[x].size(1) % 2 == 0) {
          if (flip())
            add({"chunk", {x}, {}, {1}, {}, {}});
          else
            add({"split", {x}, {}, {values_[x].size(1) / 2, 1}, {}, {}});
        }
    }
  }

  void add_float(size_t x) {
    switch (pick(0, 3)) {
      case 0:
        add({"softmax", {x}, {}, {-1}, {}, {}});
        break;
      case 1:
        add({"layer_norm", {x}, {-1, -1}, {values_[x].size(-1)}, {}, {}});
        break;
      default:
        add({"cat", {x, pick_like(x)}, {}, {1}, {}, {}});
    }
  }

  // Writes to a variable, or to a part of it.
  void add_write(size_t x) {
    if (x < network_.inputs.size() && pick(0, 3) > 0)
      return;
    if (flip()) {
      const size_t part = add({"slice", {x}, {}, {1, 0, pick(1, values_[x].size(1)), 1}, {}, {}});
      if (part == x)
        return;
      x = part;
    }
    switch (pick(0, 4)) {
      case 0:
        add({"relu_", {x}, {}, {}, {}, {}});
        break;
      case 1:
        add({"add_", {x, pick_like(x)}, {}, {}, {}, {}});
        break;
      case 2: {
        const size_t other = pick_like(x);
        if (values_[other].abs().max().lt(3).item<bool>())
          add({"mul_", {x, other}, {}, {}, {}, {}});
        break;
      }
      case 3:
        add({"clamp_", {x}, {}, {}, {-1, 1}, {}});
        break;
      default:
        add({"mul_scalar_", {x}, {}, {}, {0.5}, {}});
    }
  }

  // Whatever nobody reads is returned, or goes through a last linear layer; so nothing is dead.
  void finish() {
    const std::vector<size_t> all(data_.begin() + static_cast<int64_t>(network_.inputs.size()),
                                  data_.end());
    for (const size_t i : all) {
      if (is_read_[i] && pick(0, 15) > 0)
        continue;
      size_t x = i;
      if (pick(0, 2) == 0 && values_[x].dim() > 2)
        x = add({"flatten", {x}, {}, {1}, {}, {}});
      if (flip())
        x = add_matrix(x);
      network_.returned.push_back(x);
    }
    if (network_.returned.empty())
      network_.returned.push_back(data_.back());
  }

  NetworkOptions options_;
  std::mt19937_64 random_;
  Network network_;
  std::vector<torch::Tensor> values_;
  std::vector<bool> is_read_;
  std::vector<size_t> data_;  // variables that depend on the input
  std::vector<Instruction> layers_;
  int modules_ = 0;
  bool has_product_ = false;
};

}  // namespace

Network random_network(uint64_t seed, const NetworkOptions& options) {
  return Generator(seed, options).make();
}

}  // namespace ff::test
