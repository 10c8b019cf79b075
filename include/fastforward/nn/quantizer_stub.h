#pragma once

#include "fastforward/core/api.h"
#include "fastforward/nn/quantizer.h"

namespace ff::nn {

/// A place for a quantizer: passes its data on unchanged, and carries the metadata by which the
/// place is found.
class FF_API QuantizerStubImpl : public CloneableQuantizer<QuantizerStubImpl> {
 public:
  /// A stub without metadata.
  QuantizerStubImpl() = default;
  /// A stub with metadata.
  explicit QuantizerStubImpl(QuantizerMetadata metadata) {
    this->metadata() = std::move(metadata);
  }

  /// Does nothing: there is nothing to register.
  void reset() override {}
  /// Returns `data` as it is.
  at::Tensor quantize(const at::Tensor& data) override {
    return data;
  }
  /// False: there is nothing to save, so a state with stubs is that of the plain model, and the
  /// other way round.
  bool is_serializable() const override {
    return false;
  }
  /// The metadata.
  std::string extra_repr() const override;
};

/// Holder of QuantizerStubImpl.
TORCH_MODULE(QuantizerStub);

}  // namespace ff::nn
