#include "fastforward/quantization/fake_quantize.h"

#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/custom_function.h>

#include <tuple>

#include "fastforward/quantization/affine.h"
#include "quantization/affine_arguments.h"
#include "quantization/affine_grid.h"

namespace ff {
namespace {

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
    return grid_of(data, scale, offset, granularity, num_bits).fake_quantize(data);
  }
  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext* ctx,
                                               const torch::autograd::tensor_list& gradients) {
    torch::autograd::tensor_list result =
        AffineQuantizationFunction::quant_dequant_backward(ctx, gradients[0]);
    result.resize(5);
    return result;
  }
};

}  // namespace

at::Tensor fake_quantize(const at::Tensor& data, const at::Tensor& scale,
                         const std::optional<at::Tensor>& offset_in, const Granularity& granularity,
                         int64_t num_bits) {
  constexpr const char* kName = "fake_quantize";
  const std::optional<at::Tensor> offset = given(offset_in);
  detail::check_quantizable(kName, data);
  check_affine_arguments(kName, data, scale, offset, granularity, num_bits);
  if (detail::any_requires_grad(data, std::tie(scale, offset)))
    return FakeQuantize::apply(data, scale, offset, granularity, num_bits);
  const at::NoGradGuard no_grad;
  return grid_of(data, scale, offset, granularity, num_bits).fake_quantize(data);
}

at::Tensor& fake_quantize_out(at::Tensor& out, const at::Tensor& data, const at::Tensor& scale,
                              const std::optional<at::Tensor>& offset_in,
                              const Granularity& granularity, int64_t num_bits) {
  constexpr const char* kName = "fake_quantize_out";
  const std::optional<at::Tensor> offset = given(offset_in);
  detail::check_quantizable(kName, data);
  check_affine_arguments(kName, data, scale, offset, granularity, num_bits);
  check_no_gradient(kName, data, scale, offset);
  check_affine_output(kName, "out", out, data, data.scalar_type());
  const at::NoGradGuard no_grad;
  grid_of(data, scale, offset, granularity, num_bits).fake_quantize(data, out);
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
  check_like_data(kName, "gradient", gradient, data, data.scalar_type());
  check_affine_output(kName, "data_gradient", data_gradient, data, data.scalar_type());
  check_apart(kName, "data_gradient", data_gradient, "gradient", gradient);
  const at::NoGradGuard no_grad;
  const AffineGradients gradients =
      grid_of(data, scale, offset, granularity, num_bits).backward(data, gradient, data_gradient);
  return {like_parameter(gradients[1], scale),
          offset.has_value() ? like_parameter(gradients[2], *offset) : at::Tensor()};
}

}  // namespace ff
