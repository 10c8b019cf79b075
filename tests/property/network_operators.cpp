#include <torch/torch.h>

#include <cstdio>
#include <functional>
#include <map>

#include "property/random_network.h"

namespace ff::test {
namespace {

using Tensors = std::vector<torch::Tensor>;

struct Operator {
  // TorchScript: %0 is a tensor, #0 an integer, #* all integers as a list, @0 a real.
  const char* script;
  std::function<Tensors(const Instruction&, const Tensors&)> call;
};

std::optional<torch::Tensor> optional(const torch::Tensor& tensor) {
  return tensor.defined() ? std::optional(tensor) : std::nullopt;
}

template <typename Function>
Operator unary(const char* script, Function function) {
  return {script,
          [function](const Instruction&, const Tensors& t) { return Tensors{function(t[0])}; }};
}

// How to call everything, in two languages.
const std::map<std::string, Operator>& operators() {
  using I = const Instruction&;
  using T = const Tensors&;
  static const std::map<std::string, Operator> table = {
      {"conv2d",
       {"torch.conv2d(%0, %1, %2, [#0, #0], [#1, #1], [1, 1], #2)",
        [](I i, T t) {
          return Tensors{torch::conv2d(t[0], t[1], optional(t[2]), {i.ints[0], i.ints[0]},
                                       {i.ints[1], i.ints[1]}, {1, 1}, i.ints[2])};
        }}},
      {"conv2d_same",
       {"torch.conv2d(%0, %1, %2, [1, 1], 'same', [#0, #0], #1)",
        [](I i, T t) {
          return Tensors{torch::conv2d(t[0], t[1], optional(t[2]), {1, 1}, "same",
                                       {i.ints[0], i.ints[0]}, i.ints[1])};
        }}},
      {"linear",
       {"torch.linear(%0, %1, %2)",
        [](I, T t) { return Tensors{torch::linear(t[0], t[1], optional(t[2]))}; }}},
      {"matmul",
       {"torch.matmul(%0, %1)", [](I, T t) { return Tensors{torch::matmul(t[0], t[1])}; }}},
      {"batch_norm",
       {"torch.batch_norm(%0, %1, %2, %3, %4, False, 0.1, 1e-05, False)",
        [](I, T t) {
          return Tensors{torch::batch_norm(t[0], optional(t[1]), optional(t[2]), t[3], t[4], false,
                                           0.1, 1e-5, false)};
        }}},
      {"layer_norm",
       {"torch.layer_norm(%0, #*, %1, %2, 1e-05, False)",
        [](I i, T t) {
          return Tensors{
              torch::layer_norm(t[0], i.ints, optional(t[1]), optional(t[2]), 1e-5, false)};
        }}},
      {"relu", unary("torch.relu(%0)", [](auto& x) { return torch::relu(x); })},
      {"relu6", unary("torch.relu6(%0)", [](auto& x) { return torch::relu6(x); })},
      {"gelu", unary("torch.gelu(%0)", [](auto& x) { return torch::gelu(x); })},
      {"silu", unary("torch.silu(%0)", [](auto& x) { return torch::silu(x); })},
      {"sigmoid", unary("torch.sigmoid(%0)", [](auto& x) { return torch::sigmoid(x); })},
      {"tanh", unary("torch.tanh(%0)", [](auto& x) { return torch::tanh(x); })},
      {"hardswish", unary("torch.hardswish(%0)", [](auto& x) { return torch::hardswish(x); })},
      {"leaky_relu",
       {"torch.leaky_relu(%0, @0)",
        [](I i, T t) { return Tensors{torch::leaky_relu(t[0], i.reals[0])}; }}},
      {"clamp",
       {"torch.clamp(%0, @0, @1)",
        [](I i, T t) { return Tensors{torch::clamp(t[0], i.reals[0], i.reals[1])}; }}},
      {"add", {"torch.add(%0, %1)", [](I, T t) { return Tensors{torch::add(t[0], t[1])}; }}},
      {"sub", {"torch.sub(%0, %1)", [](I, T t) { return Tensors{torch::sub(t[0], t[1])}; }}},
      {"mul", {"torch.mul(%0, %1)", [](I, T t) { return Tensors{torch::mul(t[0], t[1])}; }}},
      {"add_scalar",
       {"torch.add(%0, @0)", [](I i, T t) { return Tensors{torch::add(t[0], i.reals[0])}; }}},
      {"mul_scalar",
       {"torch.mul(%0, @0)", [](I i, T t) { return Tensors{torch::mul(t[0], i.reals[0])}; }}},
      {"relu_", unary("torch.relu_(%0)", [](auto& x) { return torch::Tensor(x).relu_(); })},
      {"add_", {"%0.add_(%1)", [](I, T t) { return Tensors{torch::Tensor(t[0]).add_(t[1])}; }}},
      {"mul_", {"%0.mul_(%1)", [](I, T t) { return Tensors{torch::Tensor(t[0]).mul_(t[1])}; }}},
      {"mul_scalar_",
       {"%0.mul_(@0)", [](I i, T t) { return Tensors{torch::Tensor(t[0]).mul_(i.reals[0])}; }}},
      {"clamp_",
       {"torch.clamp_(%0, @0, @1)",
        [](I i, T t) { return Tensors{torch::Tensor(t[0]).clamp_(i.reals[0], i.reals[1])}; }}},
      {"cat",
       {"torch.cat([%0, %1], #0)",
        [](I i, T t) {
          return Tensors{torch::cat({t[0], t[1]}, i.ints[0])};
        }}},
      {"max_pool2d",
       {"torch.max_pool2d(%0, [#0, #0], [#1, #1], [#2, #2], [1, 1], False)",
        [](I i, T t) {
          return Tensors{torch::max_pool2d(t[0], {i.ints[0], i.ints[0]}, {i.ints[1], i.ints[1]},
                                           {i.ints[2], i.ints[2]}, {1, 1}, false)};
        }}},
      {"upsample_nearest2d",
       {"torch.upsample_nearest2d(%0, None, [@0, @1])",
        [](I i, T t) {
          return Tensors{at::upsample_nearest2d(t[0], std::nullopt, at::ArrayRef<double>(i.reals))};
        }}},
      {"avg_pool2d",
       {"torch.avg_pool2d(%0, [2, 2], [2, 2], [0, 0], False, True, None)",
        [](I, T t) {
          return Tensors{torch::avg_pool2d(t[0], {2, 2}, {2, 2}, {0, 0}, false, true, {})};
        }}},
      {"adaptive_avg_pool2d",
       {"torch.adaptive_avg_pool2d(%0, #*)",
        [](I i, T t) { return Tensors{torch::adaptive_avg_pool2d(t[0], i.ints)}; }}},
      {"mean", {"torch.mean(%0, #*)", [](I i, T t) { return Tensors{torch::mean(t[0], i.ints)}; }}},
      {"pad", {"torch.pad(%0, #*)", [](I i, T t) { return Tensors{at::pad(t[0], i.ints)}; }}},
      {"softmax",
       {"torch.softmax(%0, #0)",
        [](I i, T t) { return Tensors{torch::softmax(t[0], i.ints[0])}; }}},
      {"dropout",
       {"torch.dropout(%0, 0.5, False)",
        [](I, T t) { return Tensors{torch::dropout(t[0], 0.5, false)}; }}},
      {"contiguous", unary("%0.contiguous()", [](auto& x) { return x.contiguous(); })},
      {"view", {"%0.view(#*)", [](I i, T t) { return Tensors{t[0].view(i.ints)}; }}},
      {"reshape",
       {"torch.reshape(%0, #*)", [](I i, T t) { return Tensors{t[0].reshape(i.ints)}; }}},
      {"flatten",
       {"torch.flatten(%0, #0)",
        [](I i, T t) { return Tensors{torch::flatten(t[0], i.ints[0])}; }}},
      {"t", unary("torch.t(%0)", [](auto& x) { return x.t(); })},
      {"transpose",
       {"torch.transpose(%0, #0, #1)",
        [](I i, T t) { return Tensors{torch::transpose(t[0], i.ints[0], i.ints[1])}; }}},
      {"permute",
       {"torch.permute(%0, #*)", [](I i, T t) { return Tensors{torch::permute(t[0], i.ints)}; }}},
      {"slice",
       {"torch.slice(%0, #0, #1, #2, #3)",
        [](I i,
           T t) { return Tensors{torch::slice(t[0], i.ints[0], i.ints[1], i.ints[2], i.ints[3])}; }}},
      {"chunk",
       {"torch.chunk(%0, 2, #0)", [](I i, T t) { return torch::chunk(t[0], 2, i.ints[0]); }}},
      {"split",
       {"torch.split(%0, #0, #1)",
        [](I i, T t) { return torch::split(t[0], i.ints[0], i.ints[1]); }}},
  };
  return table;
}

std::string text_of(double value) {
  std::array<char, 40> text{};
  std::snprintf(text.data(), text.size(), "%.17e", value);
  return text.data();
}

}  // namespace

Tensors call(const Instruction& instruction, const Tensors& tensors) {
  return operators().at(instruction.op).call(instruction, tensors);
}

std::string script_line(const Instruction& instruction, const std::vector<std::string>& tensors) {
  const std::string pattern = operators().at(instruction.op).script;
  std::string line;
  for (size_t i = 0; i < pattern.size(); ++i) {
    const char kind = pattern[i];
    if (kind != '%' && kind != '#' && kind != '@') {
      line += kind;
    } else if (pattern[++i] == '*') {
      std::string list;
      for (const int64_t number : instruction.ints)
        list += (list.empty() ? "" : ", ") + std::to_string(number);
      line += "[" + list + "]";
    } else {
      const auto index = static_cast<size_t>(pattern[i] - '0');
      line += kind == '%'   ? tensors.at(index)
              : kind == '#' ? std::to_string(instruction.ints.at(index))
                            : text_of(instruction.reals.at(index));
    }
  }
  return line;
}

}  // namespace ff::test
