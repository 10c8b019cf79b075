#include "tensor/no_function.h"

#include <memory>
#include <typeinfo>

#include "tensor/quantized_tensor_impl.h"

namespace ff {
namespace {

class NoFunction final : public BoundQuantizationFunction::Implementation {
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
    return std::make_shared<NoFunction>();
  }
  std::shared_ptr<const Implementation> map_tensors(
      const std::function<at::Tensor(const at::Tensor&)>&) const override {
    return std::make_shared<NoFunction>();
  }
  BoundQuantizationFunction::Restructured restructure(const BoundQuantizationFunction& self,
                                                      const StructuralChange&) const override {
    return {self, ""};
  }
};

}  // namespace

const BoundQuantizationFunction& no_function() {
  static const BoundQuantizationFunction function(std::make_shared<NoFunction>());
  return function;
}

bool is_quantized_by_nothing(const at::Tensor& tensor) {
  const QuantizedTensorImpl* impl = as_quantized(tensor);
  return impl != nullptr && typeid(impl->function().implementation()) == typeid(NoFunction);
}

}  // namespace ff
