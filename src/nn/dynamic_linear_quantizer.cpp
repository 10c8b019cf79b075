#include "fastforward/nn/dynamic_linear_quantizer.h"

#include <ATen/core/grad_mode.h>

#include "fastforward/quantization/affine_dynamic.h"
#include "fastforward/quantization/fake_quantize.h"
#include "fastforward/quantization/function.h"
#include "fastforward/quantization/tile_range.h"
#include "nn/linear_options.h"

namespace ff::nn {

DynamicLinearQuantizerImpl::DynamicLinearQuantizerImpl(DynamicLinearQuantizerOptions options_)
    : options(std::move(options_)) {
  check_linear_options("DynamicLinearQuantizer", options);
}

at::Tensor DynamicLinearQuantizerImpl::quantize(const at::Tensor& data) {
  return dynamic::quantize_per_granularity(data, options.granularity(), options.num_bits(),
                                           range_options(options), options.quantized_dtype());
}

// Without a gradient it is one pass for the range and one for the values. With one, quantize() is
// asked: its gradient is the identity, that of ff::fake_quantize is not.
at::Tensor DynamicLinearQuantizerImpl::quantized_values(const at::Tensor& data, bool overwrite) {
  if (at::GradMode::is_enabled() && data.requires_grad())
    return CloneableQuantizer::quantized_values(data, overwrite);
  constexpr const char* kName = "DynamicLinearQuantizer";
  ff::detail::check_quantizable(kName, data);
  const at::NoGradGuard no_grad;
  const QuantizationRange range = tile_range(data, options.granularity(), kName);
  const AffineParameters parameters =
      parameters_for_range(range.min, range.max, options.num_bits(), range_options(options));
  // AffineQuantizationFunction rounds the offset as quantize_per_granularity does.
  at::Tensor values = data;
  if (!overwrite)
    return ff::fake_quantize(data, parameters.scale, parameters.offset, options.granularity(),
                             options.num_bits());
  return fake_quantize_out(values, data, parameters.scale, parameters.offset, options.granularity(),
                           options.num_bits());
}

std::string DynamicLinearQuantizerImpl::extra_repr() const {
  return linear_options_repr(options);
}

}  // namespace ff::nn
