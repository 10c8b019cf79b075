#include "fastforward/nn/linear_quantizer.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <c10/util/Exception.h>

#include <sstream>

#include "core/error.h"
#include "fastforward/quantization/affine.h"
#include "quantization/check.h"

namespace ff::nn {
namespace {

// Writes values into a parameter that may still be empty. Its identity stays, so optimizers keep
// it.
void assign(at::Tensor& parameter, const at::Tensor& values) {
  const at::Tensor converted = values.to(parameter.options());
  if (parameter.sizes() == converted.sizes()) {
    parameter.copy_(converted);
  } else {
    parameter.set_data(converted.clone());
  }
}

}  // namespace

LinearQuantizerImpl::LinearQuantizerImpl(LinearQuantizerOptions options_)
    : options(std::move(options_)) {
  check::num_bits("LinearQuantizer", options.num_bits());
  if (options.quantized_dtype().has_value()) {
    check::codes_dtype("LinearQuantizer", options.num_bits(), *options.quantized_dtype());
  }
  TORCH_CHECK_TYPE(c10::isFloatingType(options.param_dtype()), "LinearQuantizer: param_dtype is ",
                   options.param_dtype(), "; expected a floating-point type.");
  reset();
}

void LinearQuantizerImpl::reset() {
  const auto empty = [&] {
    return at::empty({0},
                     at::TensorOptions().dtype(options.param_dtype()).device(options.device()));
  };
  scale = register_parameter("scale", empty());
  offset = at::Tensor();
  if (!options.symmetric()) {
    offset = register_parameter("offset", empty());
  } else if (options.allow_one_sided()) {
    offset = register_buffer("offset", empty());
  }
}

void LinearQuantizerImpl::reset_parameters() {
  const at::NoGradGuard no_grad;
  scale.set_data(at::empty({0}, scale.options()));
  if (offset.defined())
    offset.set_data(at::empty({0}, offset.options()));
}

at::Tensor LinearQuantizerImpl::quantize(const at::Tensor& data) {
  TORCH_CHECK_VALUE(
      is_initialized(), "Tried to quantize a tensor using an uninitialized quantizer (of type ",
      type_name(),
      "). This quantizer is initialized after its quantization range is specified. This "
      "can be done explicitly by using set_quantization_range() or using a range setting method "
      "(ff::estimate_ranges).");
  return AffineQuantizationFunction::apply(
      data, scale, offset.defined() ? std::optional(offset) : std::nullopt, options.granularity(),
      options.num_bits(), options.quantized_dtype());
}

std::optional<QuantizationRange> LinearQuantizerImpl::quantization_range() const {
  if (!is_initialized())
    return std::nullopt;
  return ff::quantization_range(scale, offset.defined() ? std::optional(offset) : std::nullopt,
                                options.num_bits());
}

AffineParameters LinearQuantizerImpl::parameters_for_range(const at::Tensor& min,
                                                           const at::Tensor& max) const {
  return ff::parameters_for_range(min, max, options.num_bits(),
                                  {.symmetric = options.symmetric(),
                                   .allow_one_sided = options.allow_one_sided(),
                                   .one_sided_per_tile = options.one_sided_per_tile()});
}

void LinearQuantizerImpl::set_quantization_range(const at::Tensor& min, const at::Tensor& max) {
  with_location([this] { return describe(); },
                [&] {
                  TORCH_CHECK_TYPE(min.defined() && max.defined(),
                                   "the quantization_range has an undefined tensor; give one min "
                                   "and one max for each tile.");
                  const at::NoGradGuard no_grad;
                  const AffineParameters parameters =
                      parameters_for_range(min.reshape({-1}), max.reshape({-1}));
                  const int64_t given = parameters.scale.numel();
                  const int64_t expected = options.granularity().is_per_tensor() ? 1
                                           : is_initialized()                    ? scale.numel()
                                                                                 : given;
                  TORCH_CHECK_VALUE(
                      given == expected && given > 0, "the quantization_range has ", given,
                      " values, but ", options.granularity(),
                      expected == 1 ? " needs 1 value" : " has " + std::to_string(expected),
                      is_initialized() && expected != 1
                          ? " since its first range; call reset_parameters() to change "
                            "the number."
                          : "; give one min and one max for each tile.");
                  assign(scale, parameters.scale);
                  if (offset.defined()) {
                    assign(offset, parameters.offset.has_value()
                                       ? *parameters.offset
                                       : at::full(parameters.scale.sizes(), 0.0, scale.options()));
                  }
                });
}

void LinearQuantizerImpl::set_quantization_range(double min, double max) {
  const auto one = [&](double value) {
    return at::full({1}, value, scale.options().requires_grad(false));
  };
  set_quantization_range(one(min), one(max));
}

void LinearQuantizerImpl::set_quantization_range(const std::vector<at::Tensor>& range) {
  TORCH_CHECK_VALUE(range.size() != 1, describe(),
                    ": Tried to set quantization range with a single value. A 2-tuple is expected");
  TORCH_CHECK_VALUE(range.size() == 2, describe(), ": Tried to set quantization range with ",
                    range.size(), "-tuple. A 2-tuple is expected");
  set_quantization_range(range[0], range[1]);
}

std::function<at::Tensor(const at::Tensor&)> LinearQuantizerImpl::operator_for_range(
    const at::Tensor& min, const at::Tensor& max, c10::IntArrayRef) const {
  const AffineParameters parameters = parameters_for_range(min.reshape({-1}), max.reshape({-1}));
  return AffineQuantizationFunction::bind(parameters.scale, parameters.offset,
                                          options.granularity(), options.num_bits(),
                                          options.quantized_dtype());
}

std::string LinearQuantizerImpl::extra_repr() const {
  std::ostringstream stream;
  stream << std::boolalpha << "num_bits=" << options.num_bits()
         << ", symmetric=" << options.symmetric()
         << ", allow_one_sided=" << options.allow_one_sided()
         << ", granularity=" << options.granularity() << ", initialized=" << is_initialized();
  if (options.one_sided_per_tile())
    stream << ", one_sided_per_tile=true";
  if (options.quantized_dtype().has_value())
    stream << ", quantized_dtype=" << *options.quantized_dtype();
  return stream.str();
}

}  // namespace ff::nn
