#include "fastforward/quantization/affine.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/scalar_tensor.h>
#include <c10/util/Exception.h>

#include "quantization/affine_arguments.h"
#include "quantization/affine_grid.h"
#include "quantization/check.h"

namespace ff {
namespace {

constexpr const char* kName = "AffineQuantizationFunction";

void check_arguments(const at::Tensor& data, const at::Tensor& scale,
                     const std::optional<at::Tensor>& offset, const Granularity& granularity,
                     int64_t num_bits, std::optional<at::ScalarType> codes_dtype) {
  check_affine_arguments(kName, data, scale, offset, granularity, num_bits);
  if (codes_dtype.has_value())
    check::codes_dtype(kName, num_bits, *codes_dtype);
}

at::Tensor codes_of(const at::Tensor& data, const at::Tensor& scale,
                    const std::optional<at::Tensor>& offset, const Granularity& granularity,
                    int64_t num_bits, std::optional<at::ScalarType> codes_dtype) {
  const AffineGrid grid(scale, offset, granularity, num_bits, arithmetic_type(data.scalar_type()));
  const at::Tensor codes = grid.quantize(data);
  return codes_dtype.has_value() ? codes.to(*codes_dtype) : codes;
}

}  // namespace

at::Tensor AffineQuantizationFunction::quantize(torch::autograd::AutogradContext* ctx,
                                                const at::Tensor& data, const at::Tensor& scale,
                                                const std::optional<at::Tensor>& offset,
                                                const Granularity& granularity, int64_t num_bits,
                                                std::optional<at::ScalarType> codes_dtype) {
  check_arguments(data, scale, offset, granularity, num_bits, codes_dtype);
  save_for_affine_backward(ctx, data, scale, offset, granularity, num_bits);
  return codes_of(data, scale, offset, granularity, num_bits, codes_dtype);
}

at::Tensor AffineQuantizationFunction::quantize_with(
    const BoundQuantizationFunction& self, const at::Tensor& data,
    const detail::ArgumentTuple<AffineQuantizationFunction>& arguments) {
  if (detail::any_requires_grad(data, arguments))
    return QuantizationAutogradFunction::quantize_with(self, data, arguments);
  const at::NoGradGuard no_grad;
  const auto& [scale, offset, granularity, num_bits, codes_dtype] = arguments;
  check_arguments(data, scale, offset, granularity, num_bits, codes_dtype);
  return make_quantized_tensor(codes_of(data, scale, offset, granularity, num_bits, codes_dtype),
                               self, data.scalar_type());
}

at::Tensor AffineQuantizationFunction::dequantize(const at::Tensor& codes, const at::Tensor& scale,
                                                  const std::optional<at::Tensor>& offset,
                                                  const Granularity& granularity, int64_t num_bits,
                                                  std::optional<at::ScalarType> codes_dtype) {
  return dequantize_as(codes, arithmetic_type(scale.scalar_type()), scale, offset, granularity,
                       num_bits, codes_dtype);
}

at::Tensor AffineQuantizationFunction::dequantize_as(
    const at::Tensor& codes, std::optional<at::ScalarType> dtype, const at::Tensor& scale,
    const std::optional<at::Tensor>& offset, const Granularity& granularity, int64_t num_bits,
    std::optional<at::ScalarType> codes_dtype) {
  if (!dtype.has_value())
    return dequantize(codes, scale, offset, granularity, num_bits, codes_dtype);
  // Codes may come from elsewhere (attach), so that the parameters are checked against them.
  check_arguments(codes, scale, offset, granularity, num_bits, codes_dtype);
  const AffineGrid grid(scale, offset, granularity, num_bits, arithmetic_type(*dtype));
  return grid.dequantize(codes, *dtype);
}

torch::autograd::tensor_list AffineQuantizationFunction::quant_dequant_backward(
    torch::autograd::AutogradContext* ctx, const at::Tensor& gradient) {
  TORCH_CHECK_NOT_IMPLEMENTED(
      !at::GradMode::is_enabled(), kName,
      ": there is no second derivative of quantization; call backward() without "
      "create_graph.");
  const at::NoGradGuard no_grad;
  const torch::autograd::variable_list saved = ctx->get_saved_variables();
  const at::Tensor &data = saved[0], &scale = saved[1], &offset = saved[2];
  const std::vector<int64_t> tile = ctx->saved_data["tile"].toIntVector();
  const Granularity granularity =
      tile.empty() ? Granularity() : granularity_from_sizes(data.sizes(), tile);
  const at::ScalarType type = arithmetic_type(data.scalar_type());
  const AffineGrid grid(scale, offset.defined() ? std::optional(offset) : std::nullopt, granularity,
                        ctx->saved_data["num_bits"].toInt(), type);
  // An embedding may give a sparse one.
  const at::Tensor dense = gradient.layout() == at::kStrided ? gradient : gradient.to_dense();
  const AffineGradients gradients = grid.backward(data, dense.to(data.scalar_type()));
  return {gradients[0],
          like_parameter(gradients[1], scale),
          offset.defined() ? like_parameter(gradients[2], offset) : at::Tensor(),
          at::Tensor(),
          at::Tensor(),
          at::Tensor()};
}

bool AffineQuantizationFunction::is_function_of(const BoundQuantizationFunction& function) {
  using Implementation = detail::BoundArguments<AffineQuantizationFunction>;
  return dynamic_cast<const Implementation*>(&function.implementation()) != nullptr;
}

std::vector<std::string> AffineQuantizationFunction::argument_names() {
  return {"scale", "offset", "granularity", "num_bits", "codes_dtype"};
}

at::Tensor quantize_per_granularity(const at::Tensor& input, const at::Tensor& scale,
                                    const std::optional<at::Tensor>& offset,
                                    const Granularity& granularity, int64_t num_bits,
                                    std::optional<at::ScalarType> output_dtype) {
  return AffineQuantizationFunction::apply(input, scale, offset, granularity, num_bits,
                                           output_dtype);
}

at::Tensor quantize_per_tensor(const at::Tensor& input, const at::Tensor& scale,
                               const std::optional<at::Tensor>& offset, int64_t num_bits,
                               std::optional<at::ScalarType> output_dtype) {
  return quantize_per_granularity(input, scale, offset, PerTensor(), num_bits, output_dtype);
}

at::Tensor quantize_per_tensor(const at::Tensor& input, double scale, std::optional<double> offset,
                               int64_t num_bits, std::optional<at::ScalarType> output_dtype) {
  detail::check_quantizable(kName, input);
  const auto options =
      input.options().dtype(arithmetic_type(input.scalar_type())).requires_grad(false);
  const auto one = [&](double value) { return at::scalar_tensor(value, options); };
  return quantize_per_tensor(input, one(scale), offset ? std::optional(one(*offset)) : std::nullopt,
                             num_bits, output_dtype);
}

at::Tensor quantize_per_channel(const at::Tensor& input, const at::Tensor& scale,
                                const std::optional<at::Tensor>& offset, const PerChannel& axes,
                                int64_t num_bits, std::optional<at::ScalarType> output_dtype) {
  return quantize_per_granularity(input, scale, offset, axes, num_bits, output_dtype);
}

at::Tensor quantize_per_block(const at::Tensor& input, const at::Tensor& scale,
                              const std::optional<at::Tensor>& offset, int64_t channel_axis,
                              int64_t block_axis, int64_t block_size, int64_t num_bits,
                              std::optional<at::ScalarType> output_dtype) {
  return quantize_per_granularity(input, scale, offset,
                                  PerBlock(block_axis, block_size, {channel_axis}), num_bits,
                                  output_dtype);
}

at::Tensor quantize_by_tile(const at::Tensor& input, const at::Tensor& scale,
                            const std::optional<at::Tensor>& offset, c10::IntArrayRef tile_size,
                            int64_t num_bits, std::optional<at::ScalarType> output_dtype) {
  return quantize_per_granularity(input, scale, offset, PerTile(tile_size.vec()), num_bits,
                                  output_dtype);
}

}  // namespace ff
