#include "fastforward/quantization/function.h"

#include <c10/util/Exception.h>

#include <algorithm>

#include "quantization/check.h"

namespace ff::detail {

void check_quantizable(const std::string& function, const at::Tensor& data) {
  TORCH_CHECK_TYPE(data.defined(), function, ": the data is an undefined tensor; give a tensor.");
  TORCH_CHECK_VALUE(!is_quantized(data), function, ": the data of shape ", data.sizes(),
                    " is quantized already, with ", bound_function(data),
                    "; call dequantize() on it first.");
  TORCH_CHECK_TYPE(check::is_floating_type(data.scalar_type()), function, ": the data has type ",
                   data.scalar_type(), "; expected ", check::kFloatingTypes,
                   ". Convert it with to(torch::kFloat).");
  TORCH_CHECK_TYPE(data.layout() == at::kStrided, function, ": the data has layout ", data.layout(),
                   "; expected a strided tensor. Convert it with to_dense().");
}

void check_argument(const std::string& function, const std::string& name,
                    const at::Tensor& argument) {
  TORCH_CHECK_TYPE(argument.defined(), function, ": ", name,
                   " is an undefined tensor; give a tensor, or let quantize take a "
                   "std::optional<at::Tensor>.");
}

std::vector<std::string> complete_names(const std::string& function, std::vector<std::string> names,
                                        size_t count) {
  TORCH_CHECK_VALUE(names.size() <= count, function, "::argument_names() gives ", names.size(),
                    " names, but quantize takes ", count,
                    " arguments after the data; give one name for each.");
  for (size_t i = names.size(); i < count; ++i)
    names.push_back("arg" + std::to_string(i));
  for (auto name = names.begin(); name != names.end(); ++name) {
    TORCH_CHECK_VALUE(std::find(names.begin(), name, *name) == name, function,
                      "::argument_names() gives the name '", *name,
                      "' twice; give each argument a name of its own.");
  }
  return names;
}

bool equal_tensors(const at::Tensor& a, const at::Tensor& b) {
  if (a.is_same(b))
    return true;
  return a.device() == b.device() && a.dtype() == b.dtype() && !a.is_meta() && a.equal(b);
}

}  // namespace ff::detail
