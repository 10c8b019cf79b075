#include "storage/type_call.h"

namespace ff::storage {

nn::QuantizerTensors tensors_of(const nn::QuantizerImpl& quantizer) {
  nn::QuantizerTensors tensors;
  for (const auto& parameter : quantizer.named_parameters())
    tensors.emplace(parameter.key(), parameter.value());
  for (const auto& buffer : quantizer.named_buffers())
    tensors.emplace(buffer.key(), buffer.value());
  return tensors;
}

}  // namespace ff::storage
