#include "fastforward/nn/quantized_layer.h"

#include <c10/util/Exception.h>

#include <string_view>

namespace ff::nn::detail {

void check_layer_not_sliced(const QuantizedModule& layer, const std::type_info& copied) {
  TORCH_CHECK_TYPE(typeid(layer) == copied, "clone: ", layer.describe(),
                   " is derived from a layer whose clone() copies that layer only; derive it from "
                   "ff::nn::QuantizedLayer with its own type, or override clone().");
}

void print_quantized(std::ostream& stream, const std::string& plain) {
  constexpr std::string_view kSpace = "torch::nn::";
  const std::string_view text = plain;
  if (text.starts_with(kSpace)) {
    stream << "ff::nn::Quantized" << text.substr(kSpace.size());
  } else {
    stream << text;  // The name of the type itself, where the plain layer writes nothing else.
  }
}

}  // namespace ff::nn::detail
