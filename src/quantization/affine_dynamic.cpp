#include "fastforward/quantization/affine_dynamic.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/round.h>
#include <ATen/ops/zeros_like.h>
#include <c10/util/Exception.h>

#include "fastforward/quantization/affine.h"
#include "fastforward/quantization/tile_range.h"

namespace ff::dynamic {
namespace {

// The identity in the graph, without the data's memory.
struct Identity : torch::autograd::Function<Identity> {
  static at::Tensor forward(torch::autograd::AutogradContext*, const at::Tensor& data) {
    return detail::make_carrier(data);
  }
  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext*,
                                               const torch::autograd::tensor_list& gradients) {
    return {gradients[0]};
  }
};

}  // namespace

at::Tensor quantize_per_granularity(const at::Tensor& input, const Granularity& granularity,
                                    int64_t num_bits, const RangeOptions& options,
                                    std::optional<at::ScalarType> output_dtype) {
  constexpr const char* kName = "dynamic::quantize_per_granularity";
  detail::check_quantizable(kName, input);
  at::Tensor quantized;
  {
    const at::NoGradGuard no_grad;
    const QuantizationRange range = tile_range(input, granularity, kName);
    const AffineParameters parameters =
        parameters_for_range(range.min, range.max, num_bits, options);
    const at::Tensor offset =
        parameters.offset ? at::round(*parameters.offset) : at::zeros_like(parameters.scale);
    quantized = AffineQuantizationFunction::apply(input, parameters.scale, offset, granularity,
                                                  num_bits, output_dtype);
  }
  if (!at::GradMode::is_enabled() || !input.requires_grad())
    return quantized;
  return make_quantized_tensor(codes(quantized), bound_function(quantized), input.scalar_type(),
                               Identity::apply(input));
}

at::Tensor quantize_per_tensor(const at::Tensor& input, int64_t num_bits,
                               const RangeOptions& options,
                               std::optional<at::ScalarType> output_dtype) {
  return quantize_per_granularity(input, PerTensor(), num_bits, options, output_dtype);
}

at::Tensor quantize_per_channel(const at::Tensor& input, const PerChannel& axes, int64_t num_bits,
                                const RangeOptions& options,
                                std::optional<at::ScalarType> output_dtype) {
  return quantize_per_granularity(input, axes, num_bits, options, output_dtype);
}

at::Tensor quantize_per_block(const at::Tensor& input, int64_t channel_axis, int64_t block_axis,
                              int64_t block_size, int64_t num_bits, const RangeOptions& options,
                              std::optional<at::ScalarType> output_dtype) {
  return quantize_per_granularity(input, PerBlock(block_axis, block_size, {channel_axis}), num_bits,
                                  options, output_dtype);
}

at::Tensor quantize_by_tile(const at::Tensor& input, c10::IntArrayRef tile_size, int64_t num_bits,
                            const RangeOptions& options,
                            std::optional<at::ScalarType> output_dtype) {
  return quantize_per_granularity(input, PerTile(tile_size.vec()), num_bits, options, output_dtype);
}

}  // namespace ff::dynamic
