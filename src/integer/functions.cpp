#include <c10/util/StringUtil.h>

#include "dispatch/registry.h"
#include "fastforward/dispatch/integer_guard.h"
#include "fastforward/tensor/quantized_tensor.h"
#include "integer/builtin.h"
#include "integer/functions.h"
#include "integer/lookup_table.h"

// Functions of each element of one tensor in the registry: tables of 256 codes.
namespace ff::integer {
namespace {

using dispatch::OperatorCall;
using dispatch::RunOrReason;
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

RunOrReason prepare(const OperatorCall& call) {
  if (!integers_enabled())
    return {nullptr, kIntegersAreOff};
  size_t quantized = 0;
  if (std::optional<std::string> refusal = find_quantized(call, quantized))
    return {nullptr, std::move(*refusal)};
  const at::Tensor input = call[quantized].toTensor();
  const GridOrReason grid = grid_of(input);
  if (!grid.grid.has_value())
    return {nullptr, "the input: " + grid.why_not};
  const dispatch::WantedOutput output = wanted_output();
  const std::optional<Grid> wanted = grid_of(output);
  if (!wanted.has_value())
    return {nullptr, kNoOutputGrid};
  const dispatch::OutputScope nobody({});  // the operator inside has another result
  return {[input, function = *output.function,
           table = lookup_table(call, quantized, *grid.grid, *wanted, *output.function)] {
            return function.attach(look_up(codes(input), *table), at::kFloat);
          },
          ""};
}

}  // namespace

const std::vector<std::string>& functions_of_elements() {
  static const std::vector<std::string> names = {"aten::relu",        "aten::relu6",
                                                 "aten::hardtanh",    "aten::clamp",
                                                 "aten::clamp_min",   "aten::clamp_max",
                                                 "aten::clip",        "aten::leaky_relu",
                                                 "aten::elu",         "aten::selu",
                                                 "aten::celu",        "aten::gelu",
                                                 "aten::silu",        "aten::mish",
                                                 "aten::hardswish",   "aten::hardsigmoid",
                                                 "aten::sigmoid",     "aten::special_expit",
                                                 "aten::log_sigmoid", "aten::tanh",
                                                 "aten::softplus",    "aten::softsign",
                                                 "aten::hardshrink",  "aten::softshrink",
                                                 "aten::tanhshrink",  "aten::threshold",
                                                 "aten::abs",         "aten::absolute",
                                                 "aten::neg",         "aten::negative",
                                                 "aten::exp",         "aten::expm1",
                                                 "aten::log",         "aten::log1p",
                                                 "aten::sqrt",        "aten::rsqrt",
                                                 "aten::square",      "aten::reciprocal",
                                                 "aten::sin",         "aten::cos",
                                                 "aten::atan",        "aten::arctan",
                                                 "aten::sinh",        "aten::cosh",
                                                 "aten::erf",         "aten::sign",
                                                 "aten::floor",       "aten::ceil",
                                                 "aten::round",       "aten::pow.Tensor_Scalar",
                                                 "aten::add.Scalar",  "aten::sub.Scalar",
                                                 "aten::rsub.Scalar", "aten::mul.Scalar",
                                                 "aten::div.Scalar",  "aten::add.Tensor",
                                                 "aten::sub.Tensor",  "aten::rsub.Tensor",
                                                 "aten::mul.Tensor",  "aten::div.Tensor"};
  return names;
}

void register_functions() {
  for (const std::string& name : functions_of_elements())
    dispatch::register_prepared(name, "table of codes", prepare);
}

}  // namespace ff::integer
