#include "model/plain_values.h"

#include <c10/util/Exception.h>

#include "fastforward/tensor/quantized_tensor.h"

namespace ff::model {
namespace {

class PlainValues final : public BoundQuantizationFunction::Implementation {
 public:
  std::string name() const override {
    return "PlainValues";
  }
  at::Tensor quantize(const BoundQuantizationFunction& self,
                      const at::Tensor& data) const override {
    return self.attach(data, data.scalar_type());
  }
  at::Tensor dequantize(const at::Tensor& codes,
                        std::optional<at::ScalarType> dtype) const override {
    return dtype.has_value() ? codes.to(*dtype) : codes;
  }
  std::vector<BoundArgument> arguments() const override {
    return {};
  }
  std::shared_ptr<const Implementation> rebind(const std::vector<BoundArgument>&) const override {
    return std::make_shared<PlainValues>();
  }
  std::shared_ptr<const Implementation> map_tensors(
      const std::function<at::Tensor(const at::Tensor&)>&) const override {
    return std::make_shared<PlainValues>();
  }
  BoundQuantizationFunction::Restructured restructure(const BoundQuantizationFunction& self,
                                                      const StructuralChange&) const override {
    return {self, ""};
  }
};

}  // namespace

at::Tensor quantized_by_nothing(const at::Tensor& values) {
  static const BoundQuantizationFunction function(std::make_shared<PlainValues>());
  return function.attach(values, values.scalar_type());
}

bool is_in_codes(const at::Tensor& tensor) {
  return is_quantized(tensor) &&
         dynamic_cast<const PlainValues*>(&bound_function(tensor).implementation()) == nullptr;
}

void become(const at::Tensor& tensor, const at::Tensor& other) {
  TORCH_INTERNAL_ASSERT(is_quantized(tensor) && is_quantized(other));
  tensor.unsafeGetTensorImpl()->shallow_copy_from(other.getIntrusivePtr());
}

at::Tensor own_values(const at::Tensor& tensor) {
  const at::Tensor values = ff::dequantize(tensor);
  return values.is_alias_of(codes(tensor)) ? values.clone() : values;
}

}  // namespace ff::model
