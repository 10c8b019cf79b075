#include "fastforward/nn/functional/conv.h"

#include <torch/nn/functional/conv.h>

#include "nn/functional/call.h"

namespace ff::nn::functional {

namespace F = torch::nn::functional;

at::Tensor conv1d(const at::Tensor& input, const at::Tensor& weight,
                  const F::Conv1dFuncOptions& conv, const FunctionalOptions& options) {
  return call_one("conv1d", {{"input", input}, {"weight", weight}}, options,
                  [&] { return F::conv1d(input, weight, conv); });
}

at::Tensor conv2d(const at::Tensor& input, const at::Tensor& weight,
                  const F::Conv2dFuncOptions& conv, const FunctionalOptions& options) {
  return call_one("conv2d", {{"input", input}, {"weight", weight}}, options,
                  [&] { return F::conv2d(input, weight, conv); });
}

at::Tensor conv3d(const at::Tensor& input, const at::Tensor& weight,
                  const F::Conv3dFuncOptions& conv, const FunctionalOptions& options) {
  return call_one("conv3d", {{"input", input}, {"weight", weight}}, options,
                  [&] { return F::conv3d(input, weight, conv); });
}

at::Tensor conv_transpose1d(const at::Tensor& input, const at::Tensor& weight,
                            const F::ConvTranspose1dFuncOptions& conv,
                            const FunctionalOptions& options) {
  return call("conv_transpose1d", {{"input", input}, {"weight", weight}}, options,
              [&] { return F::conv_transpose1d(input, weight, conv); });
}

at::Tensor conv_transpose2d(const at::Tensor& input, const at::Tensor& weight,
                            const F::ConvTranspose2dFuncOptions& conv,
                            const FunctionalOptions& options) {
  return call("conv_transpose2d", {{"input", input}, {"weight", weight}}, options,
              [&] { return F::conv_transpose2d(input, weight, conv); });
}

at::Tensor conv_transpose3d(const at::Tensor& input, const at::Tensor& weight,
                            const F::ConvTranspose3dFuncOptions& conv,
                            const FunctionalOptions& options) {
  return call("conv_transpose3d", {{"input", input}, {"weight", weight}}, options,
              [&] { return F::conv_transpose3d(input, weight, conv); });
}

}  // namespace ff::nn::functional
