#include <ATen/TensorOperators.h>
#include <ATen/ops/empty_strided.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>

#include "dispatch/boxed.h"
#include "dispatch/builtin.h"
#include "dispatch/registry.h"
#include "fastforward/tensor/quantized_tensor.h"

// upsample_nearest repeats codes, or leaves some out.
namespace ff::dispatch {
namespace {

// A type that LibTorch's kernels copy: they take no integers but uint8. They compute positions in
// float32, and for float64 in float64.
std::optional<at::ScalarType> copied_type(at::ScalarType codes) {
  switch (codes) {
    case at::kFloat:
    case at::kDouble:
    case at::kHalf:
    case at::kBFloat16:
      return codes;
    case at::kBool:
    case at::kByte:
    case at::kChar:
      return at::kByte;
    case at::kShort:  // float32 holds each; as bits of float16 some are NaN, which kernels change
    case at::kInt:    // the bits, which are copied as they are
      return at::kFloat;
    default:
      return std::nullopt;
  }
}

// The same codes in another type.
at::Tensor as_type(const at::Tensor& codes, at::ScalarType type) {
  if (codes.scalar_type() == type)
    return codes;
  const bool has_its_size = codes.element_size() == static_cast<int64_t>(c10::elementSize(type));
  return has_its_size ? codes.view(type) : codes.to(type);
}

// An axis as the call gives it: its scale, if there is one, and its new size.
struct Stretch {
  int64_t in, out;
  std::optional<double> scale;

  // With a power of two each kernel finds the same positions. Else some round to a neighbour: those
  // for float32 and float64, for contiguous and for channels-last memory differ.
  bool is_exact() const {
    const double factor = scale.value_or(static_cast<double>(out) / static_cast<double>(in));
    int exponent = 0;
    constexpr double kPowerOfTwo = 0.5;  // as frexp gives it
    return std::frexp(factor, &exponent) == kPowerOfTwo &&
           static_cast<double>(out) == std::floor(static_cast<double>(in) * factor);
  }
};

// aten::upsample_nearest2d has a size, and a scale for each axis that may be missing; its overload
// vec has either a size or scales. Nothing if the call is none that LibTorch takes.
std::optional<std::vector<Stretch>> stretches(const OperatorCall& call, const at::Tensor& self,
                                              int64_t spatial) {
  const auto count = static_cast<size_t>(spatial);
  std::vector<std::optional<double>> scales(count);
  if (call[2].isDoubleList()) {
    const std::vector<double> given = call[2].toDoubleVector();
    scales.assign(given.begin(), given.end());
  } else {
    for (size_t i = 2; i < call.arguments().size() && i < count + 2; ++i) {
      if (call[i].isDouble())
        scales[i - 2] = call[i].toDouble();
    }
  }
  const bool has_size = call[1].isIntList();
  const std::vector<int64_t> size = has_size ? call[1].toIntVector() : std::vector<int64_t>();
  if (self.dim() != spatial + 2 || scales.size() != count || (has_size && size.size() != count))
    return std::nullopt;
  std::vector<Stretch> all;
  for (size_t i = 0; i < count; ++i) {
    if (!has_size && !scales[i].has_value())
      return std::nullopt;
    const int64_t in = self.size(static_cast<int64_t>(i) + 2);
    const int64_t out =
        has_size ? size[i] : static_cast<int64_t>(static_cast<double>(in) * *scales[i]);
    all.push_back({in, out, scales[i]});
  }
  return all;
}

bool are_exact(const std::vector<Stretch>& axes) {
  return std::all_of(axes.begin(), axes.end(), [](const Stretch& axis) { return axis.is_exact(); });
}

BoundQuantizationFunction::Restructured restructured(const at::Tensor& self,
                                                     const at::Tensor& result) {
  std::vector<int64_t> axes(static_cast<size_t>(self.dim()) - 2);
  std::iota(axes.begin(), axes.end(), 2);
  return bound_function(self).restructure(
      {StructuralChange::Resize{std::move(axes)}, self.sizes().vec(), result.sizes().vec()});
}

// The codes as the values lie.
at::Tensor laid_out_as(const at::Tensor& self, const at::Tensor& codes) {
  if (codes.strides() == self.strides())
    return codes;
  return at::empty_strided(self.sizes(), self.strides(), codes.options()).copy_(codes);
}

c10::IValue upsample(const OperatorCall& call, const at::Tensor& self, bool is_exact) {
  const auto on = [&](const at::Tensor& tensor) {
    std::vector<c10::IValue> arguments = call.arguments().vec();
    arguments[0] = tensor;
    return call_operator(call.schema(), std::move(arguments)).toTensor();
  };
  const at::ScalarType type = codes(self).scalar_type();
  const at::Tensor given = is_exact ? codes(self) : laid_out_as(self, codes(self));
  const at::Tensor results = as_type(on(as_type(given, *copied_type(type))), type);
  const at::Tensor carrier = gradient_carrier(self);
  return make_quantized_tensor(results, *restructured(self, results).function, self.scalar_type(),
                               carrier.defined() ? on(carrier) : carrier);
}

RunOrReason prepare(const OperatorCall& call, int64_t spatial) {
  if (auto refusal = needs_quantized_self(call))
    return {nullptr, *std::move(refusal)};
  const at::Tensor& self = call[0].toTensor();
  const auto axes = stretches(call, self, spatial);
  if (!axes.has_value())
    return {nullptr, "its sizes or scales are not those of a batch of images"};
  const at::ScalarType type = codes(self).scalar_type();
  const std::optional<at::ScalarType> copied = copied_type(type);
  if (!copied.has_value())
    return {nullptr, c10::str("its codes have type ", type, ", which is not copied")};
  const bool is_exact = are_exact(*axes);
  if ((*copied == at::kDouble) != (self.scalar_type() == at::kDouble) && !is_exact)
    return {nullptr,
            c10::str("positions of values of type ", self.scalar_type(),
                     " are rounded otherwise than those of its codes, which have type ", type)};
  auto result = restructured(self, self);
  if (!result.function.has_value())
    return {nullptr, std::move(result.why_not)};
  return {[call, self, is_exact]() -> c10::IValue { return upsample(call, self, is_exact); }, ""};
}

}  // namespace

void register_upsample_nearest() {
  for (const int64_t spatial : {1, 2, 3}) {
    for (const char* name : {"aten::upsample_nearest", "aten::_upsample_nearest_exact"}) {
      for (const char* overload : {"", ".vec"}) {
        register_prepared(name + std::to_string(spatial) + "d" + overload, "repeat codes",
                          [=](const OperatorCall& call) { return prepare(call, spatial); });
      }
    }
  }
}

}  // namespace ff::dispatch
