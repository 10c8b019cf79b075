#include "fastforward/nn/dynamic_linear_quantizer.h"

#include <sstream>

#include "fastforward/quantization/affine_dynamic.h"
#include "quantization/check.h"

namespace ff::nn {

DynamicLinearQuantizerImpl::DynamicLinearQuantizerImpl(DynamicLinearQuantizerOptions options_)
    : options(std::move(options_)) {
  check::num_bits("DynamicLinearQuantizer", options.num_bits());
  if (options.quantized_dtype().has_value()) {
    check::codes_dtype("DynamicLinearQuantizer", options.num_bits(), *options.quantized_dtype());
  }
}

at::Tensor DynamicLinearQuantizerImpl::quantize(const at::Tensor& data) {
  return dynamic::quantize_per_granularity(data, options.granularity(), options.num_bits(),
                                           {.symmetric = options.symmetric(),
                                            .allow_one_sided = options.allow_one_sided(),
                                            .one_sided_per_tile = options.one_sided_per_tile()},
                                           options.quantized_dtype());
}

std::string DynamicLinearQuantizerImpl::extra_repr() const {
  std::ostringstream stream;
  stream << std::boolalpha << "num_bits=" << options.num_bits()
         << ", symmetric=" << options.symmetric()
         << ", allow_one_sided=" << options.allow_one_sided()
         << ", granularity=" << options.granularity();
  if (options.one_sided_per_tile())
    stream << ", one_sided_per_tile=true";
  if (options.quantized_dtype().has_value())
    stream << ", quantized_dtype=" << *options.quantized_dtype();
  return stream.str();
}

}  // namespace ff::nn
