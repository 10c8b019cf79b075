#include "fastforward/quantization/affine.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/scalar_tensor.h>
#include <c10/util/Exception.h>

#include "quantization/affine_grid.h"
#include "quantization/check.h"

namespace ff {
namespace {

constexpr const char* kName = "AffineQuantizationFunction";

void check_arguments(const at::Tensor& data, const at::Tensor& scale,
                     const std::optional<at::Tensor>& offset, const Granularity& granularity,
                     int64_t num_bits, std::optional<at::ScalarType> codes_dtype) {
  check::num_bits(kName, num_bits);
  if (codes_dtype.has_value())
    check::codes_dtype(kName, num_bits, *codes_dtype);
  check::parameter_shape(kName, "scale", scale, data.sizes(), granularity, data.device());
  check::scale_values(kName, scale);
  if (offset.has_value()) {
    check::parameter_shape(kName, "offset", *offset, data.sizes(), granularity, data.device());
    check::finite_values(kName, "offset", *offset);
  }
}

// A gradient for a parameter: its own shape and type.
at::Tensor like_parameter(const at::Tensor& gradient, const at::Tensor& parameter) {
  return gradient.reshape(parameter.sizes()).to(parameter.scalar_type());
}

}  // namespace

at::Tensor AffineQuantizationFunction::quantize(torch::autograd::AutogradContext* ctx,
                                                const at::Tensor& data, const at::Tensor& scale,
                                                const std::optional<at::Tensor>& offset,
                                                const Granularity& granularity, int64_t num_bits,
                                                std::optional<at::ScalarType> codes_dtype) {
  check_arguments(data, scale, offset, granularity, num_bits, codes_dtype);
  ctx->save_for_backward({data, scale, offset.value_or(at::Tensor())});
  ctx->saved_data["tile"] =
      granularity.is_per_tensor() ? std::vector<int64_t>{} : granularity.tile_size(data.sizes());
  ctx->saved_data["num_bits"] = num_bits;
  const at::ScalarType type = arithmetic_type(data.scalar_type());
  const AffineGrid grid(scale, offset, granularity, num_bits, type);
  const at::Tensor x = data.detach().to(type);
  const at::Tensor codes = data.is_cpu() ? quantize_cpu(x, grid) : quantize_aten(x, grid);
  return codes_dtype.has_value() ? codes.to(*codes_dtype) : codes;
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
  return (codes.is_cpu() ? dequantize_cpu(codes, grid) : dequantize_aten(codes, grid)).to(*dtype);
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
  const at::Tensor x = data.to(type), g = gradient.to(type);
  const AffineGradients gradients =
      data.is_cpu() ? backward_cpu(x, g, grid) : backward_aten(x, g, grid);
  return {gradients[0].to(data.scalar_type()),
          like_parameter(gradients[1], scale),
          offset.defined() ? like_parameter(gradients[2], offset) : at::Tensor(),
          at::Tensor(),
          at::Tensor(),
          at::Tensor()};
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
