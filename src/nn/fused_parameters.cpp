#include "fastforward/nn/fused_parameters.h"

#include <ATen/core/grad_mode.h>

#include <utility>

#include "fastforward/nn/quantizer_stub.h"
#include "fastforward/nn/replace_quantizer.h"

namespace ff::nn {

void FusedParameters::restore() {
  const at::NoGradGuard no_grad;
  while (!entries_.empty()) {
    const Entry entry = std::move(entries_.back());
    entries_.pop_back();
    entry.parameter.copy_(entry.before);
    for (const auto& [parent, name, quantizer] : entry.places)
      replace_quantizer(*parent, name, quantizer);
  }
}

FusedParameters::Entry detail::fuse(const std::string& path, const at::Tensor& parameter,
                                    const at::Tensor& values,
                                    std::vector<FusedParameters::Place> places) {
  const at::NoGradGuard no_grad;
  // First what can fail.
  for (const auto& [parent, name, quantizer] : places)
    replace_quantizer(*parent, name, QuantizerStub(quantizer->metadata()));
  FusedParameters::Entry entry{path, parameter, parameter.detach().clone(), std::move(places)};
  parameter.copy_(values);
  return entry;
}

}  // namespace ff::nn
