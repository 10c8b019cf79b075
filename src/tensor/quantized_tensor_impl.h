#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/DispatchKey.h>
#include <c10/core/TensorImpl.h>

#include <memory>

#include "fastforward/tensor/bound_function.h"

namespace ff {

/// The dispatch key of quantized tensors. LibTorch keeps no key for others' use; this one is above
/// autograd and above composite operators, and nothing in LibTorch uses it (docs/libtorch.md).
inline constexpr auto kQuantizedKey = c10::DispatchKey::TESTING_ONLY_GenericWrapper;

/// Codes that are computed when somebody asks for them.
class CodesSource {
 public:
  virtual ~CodesSource() = default;
  /// The codes, computed now or kept from before. Any thread may ask.
  virtual at::Tensor codes() const = 0;
  /// The source of a matrix's transposed codes; null if those are as good as any other tensor.
  virtual std::shared_ptr<const CodesSource> transposed() const {
    return nullptr;
  }
  /// The codes at these indices of the first axis; undefined if codes() is as good a start.
  virtual at::Tensor rows(const at::Tensor& indices) const {
    (void)indices;
    return {};
  }
};

/// What a quantized tensor is made of. It has sizes and strides (those of the codes) but no
/// storage.
struct QuantizedTensorImpl final : c10::TensorImpl {
  QuantizedTensorImpl(at::Tensor codes, BoundQuantizationFunction function, at::ScalarType dtype,
                      at::Tensor carrier);

  /// Codes of type `codes_dtype` that `source` computes later, in memory by the strides.
  QuantizedTensorImpl(std::shared_ptr<const CodesSource> source, at::ScalarType codes_dtype,
                      c10::IntArrayRef sizes, c10::IntArrayRef strides, at::Device device,
                      BoundQuantizationFunction function, at::ScalarType dtype);

  /// The codes.
  at::Tensor codes() const {
    return source_ == nullptr ? codes_ : source_->codes();
  }
  /// Their type, known before they are.
  at::ScalarType codes_dtype() const {
    return codes_dtype_;
  }
  /// Null unless the codes are computed when they are asked for.
  const std::shared_ptr<const CodesSource>& source() const {
    return source_;
  }
  const BoundQuantizationFunction& function() const {
    return function_;
  }
  const at::Tensor& carrier() const {
    return carrier_;
  }

  /// The dequantized value; gradients flow through the function, not through the carrier.
  at::Tensor value() const;

  /// What LibTorch calls it in its errors about storage, for example when it is saved.
  const char* tensorimpl_type_name() const override {
    return "a quantized tensor, which has no memory of its values: use ff::codes() and the "
           "arguments of its ff::bound_function(), or dequantize() it first";
  }

  c10::intrusive_ptr<c10::TensorImpl> shallow_copy_and_detach(
      const c10::VariableVersion& version_counter,
      bool allow_tensor_metadata_change) const override;
  c10::intrusive_ptr<c10::TensorImpl> shallow_copy_and_detach(
      c10::VariableVersion&& version_counter, bool allow_tensor_metadata_change) const override;
  void shallow_copy_from(const c10::intrusive_ptr<c10::TensorImpl>& source) override;

 private:
  at::Tensor codes_;  // undefined if there is a source
  std::shared_ptr<const CodesSource> source_;
  at::ScalarType codes_dtype_;
  BoundQuantizationFunction function_;
  at::Tensor carrier_;
};

/// The implementation of a quantized tensor; null for a plain or undefined one.
inline const QuantizedTensorImpl* as_quantized(const at::Tensor& tensor) {
  if (!tensor.defined() || !tensor.key_set().has(kQuantizedKey))
    return nullptr;
  return static_cast<const QuantizedTensorImpl*>(tensor.unsafeGetTensorImpl());
}

}  // namespace ff
