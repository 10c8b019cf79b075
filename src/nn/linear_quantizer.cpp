#include "fastforward/nn/linear_quantizer.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <c10/core/InferenceMode.h>
#include <c10/util/Exception.h>

#include "core/error.h"
#include "fastforward/quantization/affine.h"
#include "fastforward/quantization/fake_quantize.h"
#include "nn/linear_options.h"
#include "nn/linear_state.h"
#include "quantization/check.h"

namespace ff::nn {
namespace {

// Gives a parameter memory of its own with these values. Its identity stays, so optimizers keep it.
void replace(at::Tensor& parameter, const at::Tensor& values) {
  // Memory that is made in inference mode could never be trained.
  const c10::InferenceMode off(false);
  const at::NoGradGuard no_grad;
  parameter.set_data(values.clone());
}

// Writes values into a parameter that may still be empty.
void assign(at::Tensor& parameter, const at::Tensor& values) {
  const at::Tensor converted = values.to(parameter.options());
  if (parameter.sizes() == converted.sizes()) {
    parameter.copy_(converted);
  } else {
    replace(parameter, converted);
  }
}

// Throws unless what an archive has fits the options. LibTorch takes tensors of any shape, and
// ignores those that the module does not have.
void check_state(torch::serialize::InputArchive& archive, const LinearQuantizerOptions& options,
                 bool has_offset) {
  at::Tensor scale, offset;
  const bool state_has_offset = archive.try_read("offset", offset);
  TORCH_CHECK_VALUE(archive.try_read("scale", scale),
                    "the saved state has no scale; it is not that of a LinearQuantizer.");
  TORCH_CHECK_VALUE(state_has_offset == has_offset, "the saved state has ",
                    state_has_offset ? "an" : "no", " offset, but this quantizer has ",
                    has_offset ? "one" : "none",
                    "; give it the options symmetric and allow_one_sided that the saved one had.");
  check_linear_state(scale, offset, options.granularity());
}

}  // namespace

LinearQuantizerImpl::LinearQuantizerImpl(LinearQuantizerOptions options_)
    : options(std::move(options_)) {
  check_linear_options("LinearQuantizer", options);
  TORCH_CHECK_TYPE(check::is_floating_type(options.param_dtype()),
                   "LinearQuantizer: param_dtype is ", options.param_dtype(), "; expected ",
                   check::kFloatingTypes, ".");
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
  replace(scale, at::empty({0}, scale.options()));
  if (offset.defined())
    replace(offset, at::empty({0}, offset.options()));
}

void LinearQuantizerImpl::check_initialized() const {
  TORCH_CHECK_VALUE(
      is_initialized(), "Tried to quantize a tensor using an uninitialized quantizer (of type ",
      type_name(),
      "). This quantizer is initialized after its quantization range is specified. This "
      "can be done explicitly by using set_quantization_range() or using a range setting method "
      "(ff::estimate_ranges).");
}

std::optional<at::Tensor> LinearQuantizerImpl::given_offset() const {
  return offset.defined() ? std::optional(offset) : std::nullopt;
}

at::Tensor LinearQuantizerImpl::quantize(const at::Tensor& data) {
  check_initialized();
  return AffineQuantizationFunction::apply(data, scale, given_offset(), options.granularity(),
                                           options.num_bits(), options.quantized_dtype());
}

at::Tensor LinearQuantizerImpl::quantized_values(const at::Tensor& data, bool overwrite) {
  check_initialized();
  const bool wants_gradients =
      at::GradMode::is_enabled() && (data.requires_grad() || scale.requires_grad() ||
                                     (offset.defined() && offset.requires_grad()));
  if (!overwrite || wants_gradients)
    return ff::fake_quantize(data, scale, given_offset(), options.granularity(),
                             options.num_bits());
  at::Tensor values = data;
  return fake_quantize_out(values, data, scale, given_offset(), options.granularity(),
                           options.num_bits());
}

std::optional<BoundQuantizationFunction> LinearQuantizerImpl::function_of_any_data() const {
  if (!is_initialized())
    return std::nullopt;
  return AffineQuantizationFunction::bind(scale, given_offset(), options.granularity(),
                                          options.num_bits(), options.quantized_dtype());
}

std::optional<QuantizationRange> LinearQuantizerImpl::quantization_range() const {
  if (!is_initialized())
    return std::nullopt;
  return ff::quantization_range(scale, given_offset(), options.num_bits());
}

AffineParameters LinearQuantizerImpl::parameters_for_range(const at::Tensor& min,
                                                           const at::Tensor& max) const {
  return ff::parameters_for_range(min, max, options.num_bits(), range_options(options));
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
                  check::fits_type("scale", parameters.scale, scale.scalar_type());
                  if (offset.defined() && parameters.offset.has_value())
                    check::fits_type("offset", *parameters.offset, offset.scalar_type());
                  assign(scale, parameters.scale);
                  if (offset.defined()) {
                    assign(offset, parameters.offset.has_value()
                                       ? *parameters.offset
                                       : at::full(parameters.scale.sizes(), 0.0, scale.options()));
                  }
                });
}

void LinearQuantizerImpl::set_quantization_range(double min, double max) {
  const auto one = [](double value) { return at::full({1}, value, at::kDouble); };
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

void LinearQuantizerImpl::load(torch::serialize::InputArchive& archive) {
  with_location([this] { return describe(); },
                [&] {
                  check_state(archive, options, offset.defined());
                  CloneableQuantizer::load(archive);
                });
}

std::string LinearQuantizerImpl::extra_repr() const {
  return linear_options_repr(options) + ", initialized=" + (is_initialized() ? "true" : "false");
}

}  // namespace ff::nn
