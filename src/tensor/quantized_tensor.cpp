#include "fastforward/tensor/quantized_tensor.h"

#include <ATen/core/Formatting.h>
#include <c10/util/Exception.h>
#include <torch/csrc/autograd/custom_function.h>

#include <ostream>
#include <sstream>

#include "tensor/quantized_tensor_impl.h"

namespace ff {
namespace {

// The value of a quantized tensor; gradients go to its carrier as they come.
struct ThroughCarrier : torch::autograd::Function<ThroughCarrier> {
  static at::Tensor forward(torch::autograd::AutogradContext*, const at::Tensor& /*carrier*/,
                            const QuantizedTensorImpl* tensor) {
    return tensor->value();
  }
  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext*,
                                               const torch::autograd::tensor_list& gradients) {
    return {gradients[0], at::Tensor()};
  }
};

const QuantizedTensorImpl& expect_quantized(const at::Tensor& tensor, const char* what) {
  const QuantizedTensorImpl* impl = as_quantized(tensor);
  TORCH_CHECK_TYPE(impl != nullptr, what, ": expected a quantized tensor, got ",
                   tensor.defined()
                       ? "a plain one of type " + std::string(toString(tensor.scalar_type()))
                       : "an undefined one",
                   "; quantize it first, or check with ff::is_quantized().");
  return *impl;
}

}  // namespace

QuantizedTensorImpl::QuantizedTensorImpl(at::Tensor codes, BoundQuantizationFunction function,
                                         at::ScalarType dtype, at::Tensor carrier)
    : c10::TensorImpl(c10::DispatchKeySet(kQuantizedKey), c10::scalarTypeToTypeMeta(dtype),
                      codes.device()),
      codes_(std::move(codes)),
      codes_dtype_(codes_.scalar_type()),
      function_(std::move(function)),
      carrier_(std::move(carrier)) {
  set_sizes_and_strides(codes_.sizes(), codes_.strides());
  set_storage_access_should_throw();
}

QuantizedTensorImpl::QuantizedTensorImpl(std::shared_ptr<const CodesSource> source,
                                         at::ScalarType codes_dtype, c10::IntArrayRef sizes,
                                         c10::IntArrayRef strides, at::Device device,
                                         BoundQuantizationFunction function, at::ScalarType dtype)
    : c10::TensorImpl(c10::DispatchKeySet(kQuantizedKey), c10::scalarTypeToTypeMeta(dtype), device),
      source_(std::move(source)),
      codes_dtype_(codes_dtype),
      function_(std::move(function)) {
  set_sizes_and_strides(sizes, strides);
  set_storage_access_should_throw();
}

at::Tensor QuantizedTensorImpl::value() const {
  return function_.dequantize(codes(), c10::typeMetaToScalarType(dtype()));
}

c10::intrusive_ptr<c10::TensorImpl> QuantizedTensorImpl::shallow_copy_and_detach(
    const c10::VariableVersion& version_counter, bool allow_tensor_metadata_change) const {
  const at::ScalarType type = c10::typeMetaToScalarType(dtype());
  auto impl = source_ == nullptr ? c10::make_intrusive<QuantizedTensorImpl>(
                                       codes_.detach(), function_.detach(), type, at::Tensor())
                                 : c10::make_intrusive<QuantizedTensorImpl>(
                                       source_, codes_dtype_, sizes(), strides(), device(),
                                       function_.detach(), type);
  if (!impl->is_inference())
    impl->set_version_counter(version_counter);
  impl->set_allow_tensor_metadata_change(allow_tensor_metadata_change);
  return impl;
}

c10::intrusive_ptr<c10::TensorImpl> QuantizedTensorImpl::shallow_copy_and_detach(
    c10::VariableVersion&& version_counter, bool allow_tensor_metadata_change) const {
  const c10::VariableVersion version = std::move(version_counter);
  return shallow_copy_and_detach(version, allow_tensor_metadata_change);
}

void QuantizedTensorImpl::shallow_copy_from(const c10::intrusive_ptr<c10::TensorImpl>& source) {
  const auto* other = static_cast<const QuantizedTensorImpl*>(source.get());
  copy_tensor_metadata(other, this, version_counter(), allow_tensor_metadata_change());
  codes_ = other->codes_;
  codes_dtype_ = other->codes_dtype_;
  source_ = other->source_;
  function_ = other->function_;
  carrier_ = other->carrier_;
}

bool is_quantized(const at::Tensor& tensor) {
  return as_quantized(tensor) != nullptr;
}

at::Tensor codes(const at::Tensor& tensor) {
  return expect_quantized(tensor, "ff::codes").codes();
}

BoundQuantizationFunction bound_function(const at::Tensor& tensor) {
  return expect_quantized(tensor, "ff::bound_function").function();
}

at::Tensor gradient_carrier(const at::Tensor& tensor) {
  return expect_quantized(tensor, "ff::gradient_carrier").carrier();
}

at::Tensor dequantize(const at::Tensor& tensor) {
  const QuantizedTensorImpl& impl = expect_quantized(tensor, "ff::dequantize");
  if (!impl.carrier().defined())
    return impl.value();
  return ThroughCarrier::apply(impl.carrier(), &impl);
}

at::Tensor make_quantized_tensor(const at::Tensor& codes, BoundQuantizationFunction function,
                                 at::ScalarType dtype, const at::Tensor& carrier) {
  TORCH_CHECK_VALUE(codes.defined(), function.name(),
                    ": the codes are undefined; give a plain tensor.");
  TORCH_CHECK_VALUE(!is_quantized(codes), function.name(),
                    ": the codes are a quantized tensor already; give plain codes (ff::codes).");
  TORCH_CHECK_TYPE(codes.layout() == at::kStrided, function.name(), ": the codes have layout ",
                   codes.layout(), "; expected a strided tensor. Convert them with to_dense().");
  TORCH_CHECK_TYPE(c10::isFloatingType(dtype), function.name(), ": the values cannot have type ",
                   dtype, "; expected a floating-point type.");
  TORCH_CHECK_VALUE(!carrier.defined() || carrier.sizes() == codes.sizes(), function.name(),
                    ": the gradient carrier has shape ", carrier.sizes(),
                    ", but the codes have shape ", codes.sizes(), "; they must be equal.");
  return at::detail::make_tensor<QuantizedTensorImpl>(codes, std::move(function), dtype, carrier);
}

std::ostream& print(std::ostream& stream, const at::Tensor& tensor) {
  if (!is_quantized(tensor))
    return stream << tensor;
  return stream << ff::dequantize(tensor).detach() << "\n"
                << bound_function(tensor) << ", codes " << codes(tensor).scalar_type();
}

std::string to_string(const at::Tensor& tensor) {
  std::ostringstream stream;
  print(stream, tensor);
  return stream.str();
}

}  // namespace ff
