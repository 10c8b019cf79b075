#include <c10/util/Exception.h>

#include "dispatch/boxed.h"
#include "dispatch/builtin.h"
#include "fastforward/tensor/quantized_tensor.h"
#include "tensor/plain.h"

namespace ff::dispatch {
namespace {

at::Tensor self_of(const OperatorCall& call) {
  return call[0].toTensor();
}

at::Tensor with_codes(const at::Tensor& self, const at::Tensor& new_codes) {
  return make_quantized_tensor(new_codes, bound_function(self), self.scalar_type(),
                               gradient_carrier(self));
}

at::Tensor detached(const at::Tensor& self) {
  return make_quantized_tensor(codes(self).detach(), bound_function(self).detach(),
                               self.scalar_type());
}

// The argument `name` if the operator has it and it is not None.
const c10::IValue* find_argument(const OperatorCall& call, const char* name) {
  const auto index = call.schema().argumentIndexWithName(name);
  if (!index.has_value() || call[*index].isNone()) {
    return nullptr;
  }
  return &call[*index];
}

std::optional<at::MemoryFormat> memory_format(const OperatorCall& call) {
  std::optional<at::MemoryFormat> format;
  if (const c10::IValue* value = find_argument(call, "memory_format")) {
    format = value->toMemoryFormat();
  }
  return format;
}

bool flag(const OperatorCall& call, const char* name) {
  const c10::IValue* value = find_argument(call, name);
  return value != nullptr && value->toBool();
}

at::Tensor clone(const OperatorCall& call) {
  const at::Tensor self = self_of(call);
  return make_quantized_tensor(codes(self).clone(memory_format(call)), bound_function(self).clone(),
                               self.scalar_type(), gradient_carrier(self));
}

// A change of type gives up the codes, as in FastForward; a change of device moves them. The
// overload with device and type always gives plain values: LibTorch prints tensors through it.
at::Tensor convert(const OperatorCall& call) {
  const at::Tensor self = self_of(call);
  at::ScalarType dtype = self.scalar_type();
  at::Device device = self.device();
  if (const c10::IValue* other = find_argument(call, "other")) {
    dtype = other->toTensor().scalar_type();
    device = other->toTensor().device();
  }
  if (const c10::IValue* value = find_argument(call, "dtype"))
    dtype = value->toScalarType();
  if (const c10::IValue* value = find_argument(call, "device"))
    device = value->toDevice();
  const bool non_blocking = flag(call, "non_blocking"),
             copy = flag(call, "copy") || call.schema().name() == "aten::_to_copy";
  const std::optional<at::MemoryFormat> format = memory_format(call);
  const bool for_printing = call.schema().overload_name() == "device";
  if (dtype != self.scalar_type() || for_printing) {
    return ff::dequantize(self).to(self.options().device(device).dtype(dtype), non_blocking, copy,
                                   format);
  }
  const at::Tensor codes = ff::codes(self);
  const at::Tensor moved = codes.to(codes.options().device(device), non_blocking, copy, format);
  if (moved.is_same(codes))
    return self;
  const at::Tensor carrier = gradient_carrier(self);
  const BoundQuantizationFunction function = bound_function(self);
  return make_quantized_tensor(
      moved, copy && device == self.device() ? function.clone() : function.to(device), dtype,
      carrier.defined() ? carrier.to(device) : carrier);
}

// Tensor::set_data asks this. Module::to gives buffers their converted value in this way.
c10::IValue can_take_data(const OperatorCall& call) {
  const at::Tensor self = self_of(call), from = call[1].toTensor();
  TORCH_CHECK_TYPE(is_quantized(self) == is_quantized(from), "set_data: a ",
                   is_quantized(self) ? "quantized" : "plain", " tensor of shape ", self.sizes(),
                   " cannot become a ", is_quantized(from) ? "quantized" : "plain", " one of type ",
                   from.scalar_type(),
                   " (Module::to does this for buffers); register its dequantized value, or keep "
                   "it out of the module.");
  return true;
}

c10::IValue dequantize_all(const OperatorCall& call) {
  c10::List<at::Tensor> values;
  for (const at::Tensor& tensor : call[0].toTensorVector()) {
    values.push_back(plain(tensor));
  }
  return values;
}

}  // namespace

void register_conversions() {
  const auto add = [](const std::string& name, BoxedBody body) {
    register_builtin(name, "quantized tensor", needs_quantized_self, std::move(body));
  };
  add("aten::dequantize.self",
      [](const OperatorCall& call) { return ff::dequantize(self_of(call)); });
  register_builtin("aten::dequantize.tensors", "quantized tensor", nullptr, dequantize_all);
  register_builtin("aten::_has_compatible_shallow_copy_type", "quantized tensor", nullptr,
                   can_take_data);
  add("aten::detach", [](const OperatorCall& call) { return detached(self_of(call)); });
  add("aten::alias",
      [](const OperatorCall& call) { return with_codes(self_of(call), codes(self_of(call))); });
  add("aten::clone", clone);
  add("aten::contiguous", [](const OperatorCall& call) {
    return with_codes(self_of(call), codes(self_of(call)).contiguous(*memory_format(call)));
  });
  for (const char* name : {"aten::to.dtype_layout", "aten::to.device", "aten::to.dtype",
                           "aten::to.other", "aten::_to_copy"}) {
    add(name, convert);
  }
  // Sizes are answered from the tensor itself: a traced model asks for them all the time.
  for (const char* name :
       {"aten::size", "aten::size.int", "aten::stride", "aten::stride.int", "aten::sym_size",
        "aten::sym_size.int", "aten::sym_stride", "aten::sym_stride.int", "aten::numel",
        "aten::sym_numel", "aten::dim", "aten::is_floating_point", "aten::is_complex"}) {
    add(name, [](const OperatorCall& call) {
      std::vector<c10::IValue> arguments = call.arguments().vec();
      const at::Tensor self = self_of(call);
      arguments[0] = codes(self);
      if (call.schema().name() == "aten::is_floating_point")
        return c10::IValue(true);
      if (call.schema().name() == "aten::stride" && call.arguments().size() == 1)
        return c10::IValue(self.strides().vec());
      return call_operator(call.schema(), std::move(arguments));
    });
  }
}

}  // namespace ff::dispatch
