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

 protected:
  at::Tensor quantized_values(const at::Tensor& data, bool /*overwrite*/) override {
    return data;
  }
};

/// Holder of QuantizerStubImpl.
TORCH_MODULE(QuantizerStub);

/// True if `module` is a place without a quantizer.
inline bool is_stub(const torch::nn::Module& module) {
  return dynamic_cast<const QuantizerStubImpl*>(&module) != nullptr;
}

}  // namespace ff::nn
