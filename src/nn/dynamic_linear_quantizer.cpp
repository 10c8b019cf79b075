#include "fastforward/nn/dynamic_linear_quantizer.h"

#include "fastforward/quantization/affine_dynamic.h"
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

std::string DynamicLinearQuantizerImpl::extra_repr() const {
  return linear_options_repr(options);
}

}  // namespace ff::nn
