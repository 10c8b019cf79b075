#include "fastforward/nn/quantized_arithmetic.h"

#include <ostream>

#include "fastforward/nn/functional/arithmetic.h"
#include "nn/located.h"

namespace ff::nn {
namespace {

QuantizerMetadata metadata_of(const Tag& tag) {
  return QuantizerMetadata({tag});
}

}  // namespace

void QuantizedAddImpl::reset() {
  register_quantizer("input_quantizer", metadata_of(default_tags::input_quantizer));
  register_quantizer("other_quantizer", metadata_of(default_tags::input_quantizer));
  register_quantizer("output_quantizer", metadata_of(default_tags::output_quantizer));
}

at::Tensor QuantizedAddImpl::forward(const at::Tensor& input, const at::Tensor& other,
                                     const at::Scalar& alpha) {
  return located(*this, [&] {
    return functional::add(quantized("input_quantizer", input), quantized("other_quantizer", other),
                           alpha, output_options());
  });
}

void QuantizedAddImpl::pretty_print(std::ostream& stream) const {
  stream << "ff::nn::QuantizedAdd()";
}

void QuantizedMulImpl::reset() {
  register_quantizer("input_quantizer", metadata_of(default_tags::input_quantizer));
  register_quantizer("other_quantizer", metadata_of(default_tags::input_quantizer));
  register_quantizer("output_quantizer", metadata_of(default_tags::output_quantizer));
}

at::Tensor QuantizedMulImpl::forward(const at::Tensor& input, const at::Tensor& other) {
  return located(*this, [&] {
    return functional::mul(quantized("input_quantizer", input), quantized("other_quantizer", other),
                           output_options());
  });
}

void QuantizedMulImpl::pretty_print(std::ostream& stream) const {
  stream << "ff::nn::QuantizedMul()";
}

void QuantizedCatImpl::reset() {
  register_quantizer("input_quantizer", metadata_of(default_tags::input_quantizer));
  register_quantizer("output_quantizer", metadata_of(default_tags::output_quantizer));
}

at::Tensor QuantizedCatImpl::forward(const std::vector<at::Tensor>& tensors) {
  return located(*this, [&] {
    std::vector<at::Tensor> inputs;
    for (const at::Tensor& tensor : tensors)
      inputs.push_back(quantized("input_quantizer", tensor));
    return functional::cat(inputs, dim, output_options());
  });
}

void QuantizedCatImpl::pretty_print(std::ostream& stream) const {
  stream << "ff::nn::QuantizedCat(dim=" << dim << ")";
}

}  // namespace ff::nn
