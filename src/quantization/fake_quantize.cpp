#include "fastforward/quantization/fake_quantize.h"

#include <ATen/core/grad_mode.h>
#include <c10/util/Exception.h>
#include <torch/csrc/autograd/custom_function.h>

#include "fastforward/quantization/affine.h"
#include "quantization/affine_arguments.h"
#include "quantization/affine_grid.h"

namespace ff {
namespace {

at::Tensor values_of(const at::Tensor& data, const AffineGrid& grid) {
  return data.is_cpu() ? fake_quantize_cpu(data, grid) : fake_quantize_aten(data, grid);
}

AffineGrid grid_of(const at::Tensor& data, const at::Tensor& scale,
                   const std::optional<at::Tensor>& offset, const Granularity& granularity,
                   int64_t num_bits) {
  return {scale, offset, granularity, num_bits, arithmetic_type(data.scalar_type())};
}

struct FakeQuantize : torch::autograd::Function<FakeQuantize> {
  static at::Tensor forward(torch::autograd::AutogradContext* ctx, const at::Tensor& data,
                            const at::Tensor& scale, const std::optional<at::Tensor>& offset,
                            const Granularity& granularity, int64_t num_bits) {
    save_for_affine_backward(ctx, data, scale, offset, granularity, num_bits);
    return values_of(data, grid_of(data, scale, offset, granularity, num_bits));
  }
  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext* ctx,
                                               const torch::autograd::tensor_list& gradients) {
    torch::autograd::tensor_list result =
        AffineQuantizationFunction::quant_dequant_backward(ctx, gradients[0]);
    result.resize(5);
    return result;
  }
};

bool wants_gradient(const at::Tensor& data, const at::Tensor& scale,
                    const std::optional<at::Tensor>& offset) {
  return at::GradMode::is_enabled() && (data.requires_grad() || scale.requires_grad() ||
                                        (offset.has_value() && offset->requires_grad()));
}

}  // namespace

at::Tensor fake_quantize(const at::Tensor& data, const at::Tensor& scale,
                         const std::optional<at::Tensor>& offset_in, const Granularity& granularity,
                         int64_t num_bits) {
  constexpr const char* kName = "fake_quantize";
  const std::optional<at::Tensor> offset = given(offset_in);
  detail::check_quantizable(kName, data);
  check_affine_arguments(kName, data, scale, offset, granularity, num_bits);
  if (wants_gradient(data, scale, offset))
    return FakeQuantize::apply(data, scale, offset, granularity, num_bits);
  const at::NoGradGuard no_grad;
  return values_of(data, grid_of(data, scale, offset, granularity, num_bits));
}

at::Tensor& fake_quantize_out(at::Tensor& out, const at::Tensor& data, const at::Tensor& scale,
                              const std::optional<at::Tensor>& offset_in,
                              const Granularity& granularity, int64_t num_bits) {
  constexpr const char* kName = "fake_quantize_out";
  const std::optional<at::Tensor> offset = given(offset_in);
  detail::check_quantizable(kName, data);
  check_affine_arguments(kName, data, scale, offset, granularity, num_bits);
  check_affine_output(kName, "out", out, data, data.scalar_type());
  const at::NoGradGuard no_grad;
  const AffineGrid grid = grid_of(data, scale, offset, granularity, num_bits);
  if (data.is_cpu()) {
    fake_quantize_cpu(data, grid, out);
  } else {
    out.copy_(fake_quantize_aten(data, grid));
  }
  return out;
}

ParameterGradients fake_quantize_backward_out(at::Tensor& data_gradient, const at::Tensor& gradient,
                                              const at::Tensor& data, const at::Tensor& scale,
                                              const std::optional<at::Tensor>& offset_in,
                                              const Granularity& granularity, int64_t num_bits) {
  constexpr const char* kName = "fake_quantize_backward_out";
  const std::optional<at::Tensor> offset = given(offset_in);
  detail::check_quantizable(kName, data);
  check_affine_arguments(kName, data, scale, offset, granularity, num_bits);
  check_affine_output(kName, "data_gradient", data_gradient, data, data.scalar_type());
  check_affine_output(kName, "gradient", gradient, data, data.scalar_type());
  const at::NoGradGuard no_grad;
  const AffineGrid grid = grid_of(data, scale, offset, granularity, num_bits);
  AffineGradients gradients;
  if (data.is_cpu()) {
    gradients = backward_cpu(data, gradient, grid, data_gradient);
  } else {
    gradients = backward_aten(data, gradient, grid);
    data_gradient.copy_(gradients[0]);
  }
  return {like_parameter(gradients[1], scale),
          offset.has_value() ? like_parameter(gradients[2], *offset) : at::Tensor()};
}

}  // namespace ff
