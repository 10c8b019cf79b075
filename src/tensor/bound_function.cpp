#include "fastforward/tensor/bound_function.h"

#include <ATen/core/Formatting.h>
#include <c10/util/Exception.h>

#include <ostream>
#include <sstream>

#include "fastforward/tensor/quantized_tensor.h"

namespace ff {
namespace {

// The first elements of a tensor, in one line.
void write_tensor(std::ostream& stream, const at::Tensor& tensor) {
  constexpr int64_t kShown = 4;
  if (!tensor.defined()) {
    stream << "undefined";
    return;
  }
  if (tensor.is_meta()) {
    stream << "meta" << tensor.sizes();
    return;
  }
  const at::Tensor values = tensor.detach().reshape({-1}).slice(0, 0, kShown).cpu();
  if (tensor.dim() != 0)
    stream << "[";
  for (int64_t i = 0; i < values.numel(); ++i) {
    stream << (i ? ", " : "");
    if (values.is_floating_point()) {
      stream << values[i].item<double>();
    } else {
      stream << values[i].item<int64_t>();
    }
  }
  if (tensor.numel() > kShown)
    stream << ", ... " << tensor.numel() << " in all";
  if (tensor.dim() != 0)
    stream << "]";
}

void write_value(std::ostream& stream, const c10::IValue& value) {
  if (value.isTensor()) {
    write_tensor(stream, value.toTensor());
  } else if (value.isString()) {
    stream << value.toStringRef();
  } else {
    stream << value;
  }
}

}  // namespace

BoundQuantizationFunction::BoundQuantizationFunction(
    std::shared_ptr<const Implementation> implementation)
    : implementation_(std::move(implementation)) {
  TORCH_CHECK_VALUE(
      implementation_ != nullptr,
      "BoundQuantizationFunction got a null implementation; use a function's bind().");
}

at::Tensor BoundQuantizationFunction::quantize(const at::Tensor& data) const {
  return implementation_->quantize(*this, data);
}

at::Tensor BoundQuantizationFunction::dequantize(const at::Tensor& codes,
                                                 std::optional<at::ScalarType> dtype) const {
  TORCH_CHECK_TYPE(codes.defined(), name(),
                   "::dequantize got an undefined tensor; it takes plain codes (ff::codes).");
  TORCH_CHECK_VALUE(
      !is_quantized(codes), name(), "::dequantize got a quantized tensor of shape ", codes.sizes(),
      "; it takes plain codes (ff::codes), or call dequantize() on the tensor itself.");
  return implementation_->dequantize(codes, dtype);
}

at::Tensor BoundQuantizationFunction::attach(const at::Tensor& codes,
                                             std::optional<at::ScalarType> dtype) const {
  const at::ScalarType of_codes = codes.scalar_type();
  const bool floating = c10::isFloatingType(of_codes);
  return make_quantized_tensor(codes, *this, dtype.value_or(floating ? of_codes : at::kFloat));
}

std::string BoundQuantizationFunction::name() const {
  return implementation_->name();
}

std::vector<BoundArgument> BoundQuantizationFunction::arguments() const {
  return implementation_->arguments();
}

c10::IValue BoundQuantizationFunction::argument(const std::string& name) const {
  std::string names;
  for (BoundArgument& argument : arguments()) {
    if (argument.name == name)
      return std::move(argument.value);
    names += (names.empty() ? "" : ", ") + argument.name;
  }
  TORCH_CHECK_VALUE(false, this->name(), " has no argument '", name,
                    "'; its arguments are: ", names, ".");
}

BoundQuantizationFunction BoundQuantizationFunction::rebind(
    const std::vector<BoundArgument>& changes) const {
  for (const BoundArgument& change : changes)
    argument(change.name);  // throws for an unknown name
  return BoundQuantizationFunction(implementation_->rebind(changes));
}

BoundQuantizationFunction BoundQuantizationFunction::clone() const {
  return BoundQuantizationFunction(
      implementation_->map_tensors([](const at::Tensor& tensor) { return tensor.clone(); }));
}

BoundQuantizationFunction BoundQuantizationFunction::detach() const {
  return BoundQuantizationFunction(
      implementation_->map_tensors([](const at::Tensor& tensor) { return tensor.detach(); }));
}

BoundQuantizationFunction BoundQuantizationFunction::to(at::Device device) const {
  return BoundQuantizationFunction(
      implementation_->map_tensors([&](const at::Tensor& tensor) { return tensor.to(device); }));
}

BoundQuantizationFunction::Restructured BoundQuantizationFunction::restructure(
    const StructuralChange& change) const {
  return implementation_->restructure(*this, change);
}

bool BoundQuantizationFunction::is_monotonic() const {
  return implementation_->is_monotonic();
}

bool BoundQuantizationFunction::equal(const BoundQuantizationFunction& other) const {
  return implementation_ == other.implementation_ || implementation_->equal(*other.implementation_);
}

bool BoundQuantizationFunction::Implementation::equal(const Implementation&) const {
  return false;
}

BoundQuantizationFunction::Restructured BoundQuantizationFunction::Implementation::restructure(
    const BoundQuantizationFunction& self, const StructuralChange&) const {
  return {std::nullopt,
          self.name() + " does not say how its parameters follow a change of structure"};
}

std::ostream& operator<<(std::ostream& stream, const BoundQuantizationFunction& function) {
  stream << function.name() << "(";
  const char* separator = "";
  for (const BoundArgument& argument : function.arguments()) {
    stream << separator << argument.name << "=";
    write_value(stream, argument.value);
    separator = ", ";
  }
  return stream << ")";
}

std::string to_string(const BoundQuantizationFunction& function) {
  std::ostringstream stream;
  stream << function;
  return stream.str();
}

}  // namespace ff
