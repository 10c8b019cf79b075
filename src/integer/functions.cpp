#include <c10/util/StringUtil.h>

#include "dispatch/boxed.h"
#include "fastforward/dispatch/integer_guard.h"
#include "fastforward/tensor/quantized_tensor.h"
#include "integer/builtin.h"
#include "integer/lookup_table.h"

// Functions of each element of one tensor in the registry: tables of 256 codes.
namespace ff::integer {
namespace {

using dispatch::OperatorCall;
using dispatch::wanted_output;

// The one quantized argument of a call whose other tensors are numbers.
std::optional<std::string> find_quantized(const OperatorCall& call, size_t& quantized) {
  std::optional<size_t> found;
  for (size_t i = 0; i < call.arguments().size(); ++i) {
    if (!call[i].isTensor() || !call[i].toTensor().defined())
      continue;
    const at::Tensor& tensor = call[i].toTensor();
    if (is_quantized(tensor)) {
      if (found.has_value())
        return "it has two quantized operands";
      found = i;
    } else if (tensor.dim() != 0 || !tensor.device().is_cpu()) {
      return c10::str("its operand '", call.schema().arguments()[i].name(),
                      "' is not in codes, and no number");
    }
  }
  if (!found.has_value())
    return "the input is not quantized";
  quantized = *found;
  return std::nullopt;
}

std::optional<std::string> why_no_table(const OperatorCall& call) {
  if (!integers_enabled())
    return kIntegersAreOff;
  size_t quantized = 0;
  if (auto refusal = find_quantized(call, quantized))
    return refusal;
  const GridOrReason input = grid_of(call[quantized].toTensor());
  if (!input.grid.has_value())
    return "the input: " + input.why_not;
  if (!grid_of(wanted_output()).has_value())
    return kNoOutputGrid;
  return std::nullopt;
}

c10::IValue run(const OperatorCall& call) {
  size_t quantized = 0;
  find_quantized(call, quantized);
  const at::Tensor input = call[quantized].toTensor();
  const dispatch::WantedOutput output = wanted_output();
  const dispatch::OutputScope nobody({});  // the operator inside has another result
  const std::shared_ptr<const LookupTable> table =
      lookup_table(call, quantized, *grid_of(input).grid, *grid_of(output), *output.function);
  return output.function->attach(look_up(codes(input), *table), at::kFloat);
}

}  // namespace

void register_functions() {
  for (const char* name :
       {"relu",        "relu6",      "hardtanh",      "clamp",       "clamp_min",
        "clamp_max",   "clip",       "leaky_relu",    "elu",         "selu",
        "celu",        "gelu",       "silu",          "mish",        "hardswish",
        "hardsigmoid", "sigmoid",    "special_expit", "log_sigmoid", "tanh",
        "softplus",    "softsign",   "hardshrink",    "softshrink",  "tanhshrink",
        "threshold",   "abs",        "absolute",      "neg",         "negative",
        "exp",         "expm1",      "log",           "log1p",       "sqrt",
        "rsqrt",       "square",     "reciprocal",    "sin",         "cos",
        "atan",        "arctan",     "sinh",          "cosh",        "erf",
        "sign",        "floor",      "ceil",          "round",       "pow.Tensor_Scalar",
        "add.Scalar",  "sub.Scalar", "rsub.Scalar",   "mul.Scalar",  "div.Scalar",
        "add.Tensor",  "sub.Tensor", "rsub.Tensor",   "mul.Tensor",  "div.Tensor"}) {
    dispatch::register_builtin(std::string("aten::") + name, "table of codes", why_no_table, run);
  }
}

}  // namespace ff::integer
