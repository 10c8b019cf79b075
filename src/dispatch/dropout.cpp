#include "dispatch/boxed.h"
#include "dispatch/builtin.h"

namespace ff::dispatch {
namespace {

// input, p, train: all dropouts of LibTorch have this schema.
std::optional<std::string> drops_nothing(const OperatorCall& call) {
  if (auto refusal = needs_quantized_self(call))
    return refusal;
  if (!call[2].toBool() || call[1].toDouble() == 0)
    return std::nullopt;
  return "it drops elements, and what it scales the others by is not on their grid; call eval() on "
         "the model, or use ff::nn::functional::dropout with an output_quantizer";
}

}  // namespace

void register_dropout() {
  for (const char* name : {"aten::dropout", "aten::feature_dropout", "aten::alpha_dropout",
                           "aten::feature_alpha_dropout"}) {
    register_builtin(name, "dropout that drops nothing", drops_nothing,
                     [](const OperatorCall& call) { return call[0]; });
  }
}

}  // namespace ff::dispatch
