#include <ATen/ops/cat.h>
#include <ATen/ops/zeros.h>
#include <c10/core/WrapDimMinimal.h>

#include "dispatch/boxed.h"
#include "dispatch/builtin.h"
#include "fastforward/tensor/quantized_tensor.h"

namespace ff::dispatch {
namespace {

std::optional<std::string> needs_equal_functions(const std::vector<at::Tensor>& tensors) {
  if (tensors.empty())
    return "it has no tensors";
  for (const at::Tensor& tensor : tensors) {
    if (!is_quantized(tensor))
      return "not all of its tensors are quantized";
    if (tensor.scalar_type() != tensors[0].scalar_type())
      return "its tensors have values of different types";
    if (!bound_function(tensor).equal(bound_function(tensors[0]))) {
      return c10::str("its tensors have different parameters: ", bound_function(tensors[0]),
                      " and ", bound_function(tensor));
    }
  }
  return std::nullopt;
}

BoundQuantizationFunction::Restructured joined_function(const std::vector<at::Tensor>& tensors,
                                                        int64_t dim) {
  std::vector<int64_t> new_sizes = tensors[0].sizes().vec();
  new_sizes[dim] = 0;
  for (const at::Tensor& tensor : tensors)
    new_sizes[dim] += tensor.size(dim);
  return bound_function(tensors[0])
      .restructure(
          {StructuralChange::Resize{{dim}}, tensors[0].sizes().vec(), std::move(new_sizes)});
}

std::optional<std::string> can_cat(const OperatorCall& call) {
  const std::vector<at::Tensor> tensors = call[0].toTensorVector();
  if (auto refusal = needs_equal_functions(tensors))
    return refusal;
  for (const at::Tensor& tensor : tensors) {
    if (tensor.dim() == 0 || tensor.dim() != tensors[0].dim())
      return "its tensors have different numbers of axes";
  }
  const auto joined =
      joined_function(tensors, c10::maybe_wrap_dim(call[1].toInt(), tensors[0].dim()));
  if (!joined.function.has_value())
    return joined.why_not;
  return std::nullopt;
}

c10::IValue cat(const OperatorCall& call) {
  const std::vector<at::Tensor> tensors = call[0].toTensorVector();
  const int64_t dim = c10::maybe_wrap_dim(call[1].toInt(), tensors[0].dim());
  std::vector<at::Tensor> all_codes, carriers;
  bool any_carrier = false;
  for (const at::Tensor& tensor : tensors) {
    all_codes.push_back(codes(tensor));
    const at::Tensor carrier = gradient_carrier(tensor);
    any_carrier = any_carrier || carrier.defined();
    carriers.push_back(carrier.defined() ? carrier : at::zeros(tensor.sizes(), tensor.options()));
  }
  return make_quantized_tensor(at::cat(all_codes, dim), *joined_function(tensors, dim).function,
                               tensors[0].scalar_type(),
                               any_carrier ? at::cat(carriers, dim) : at::Tensor());
}

std::optional<std::string> can_stack(const OperatorCall& call) {
  return needs_equal_functions(call[0].toTensorVector());
}

c10::IValue stack(const OperatorCall& call) {
  std::vector<at::Tensor> tensors = call[0].toTensorVector();
  const int64_t dim = c10::maybe_wrap_dim(call[1].toInt(), tensors[0].dim() + 1);
  for (at::Tensor& tensor : tensors)
    tensor = tensor.unsqueeze(dim);
  return at::cat(tensors, dim);
}

}  // namespace

void register_cat() {
  for (const char* name : {"aten::cat", "aten::concat", "aten::concatenate"}) {
    register_builtin(name, "cat of equal parameters", can_cat, cat);
  }
  register_builtin("aten::stack", "stack of equal parameters", can_stack, stack);
}

}  // namespace ff::dispatch
