#include "fastforward/nn/quantized_conv.h"

#include <c10/util/Exception.h>
#include <torch/nn/functional/conv.h>
#include <torch/nn/functional/padding.h>

#include <type_traits>
#include <variant>
#include <vector>

#include "nn/functional/call.h"
#include "nn/located.h"

namespace ff::nn {

namespace F = torch::nn::functional;

namespace {

template <size_t D>
at::Tensor convolve(const at::Tensor& input, const at::Tensor& weight,
                    const F::ConvFuncOptions<D>& options) {
  if constexpr (D == 1)
    return F::conv1d(input, weight, options);
  if constexpr (D == 2)
    return F::conv2d(input, weight, options);
  if constexpr (D == 3)
    return F::conv3d(input, weight, options);
}

template <size_t D>
at::Tensor convolve_transposed(const at::Tensor& input, const at::Tensor& weight,
                               const F::ConvTransposeFuncOptions<D>& options) {
  if constexpr (D == 1)
    return F::conv_transpose1d(input, weight, options);
  if constexpr (D == 2)
    return F::conv_transpose2d(input, weight, options);
  if constexpr (D == 3)
    return F::conv_transpose3d(input, weight, options);
}

constexpr const char* kNames[] = {"", "conv1d", "conv2d", "conv3d"};
constexpr const char* kTransposedNames[] = {"", "conv_transpose1d", "conv_transpose2d",
                                            "conv_transpose3d"};

F::PadFuncOptions::mode_t pad_mode(const torch::nn::detail::conv_padding_mode_t& mode) {
  return std::visit(
      [](const auto& which) -> F::PadFuncOptions::mode_t {
        if constexpr (std::is_same_v<std::decay_t<decltype(which)>, torch::enumtype::kZeros>)
          return torch::kConstant;
        else
          return which;
      },
      mode);
}

// What QuantizedConv<D>d computes; `padding` is for the modes that F::pad does, inner axis first.
template <size_t D>
at::Tensor conv(const at::Tensor& input, const at::Tensor& weight, const at::Tensor& bias,
                const torch::nn::detail::ConvNdOptions<D>& options,
                const std::vector<int64_t>& padding, const functional::FunctionalOptions& output) {
  auto conv_options = F::ConvFuncOptions<D>()
                          .bias(bias)
                          .stride(options.stride())
                          .dilation(options.dilation())
                          .groups(options.groups());
  const bool zeros = std::holds_alternative<torch::enumtype::kZeros>(options.padding_mode());
  if (zeros)
    conv_options.padding(options.padding());
  return functional::call(kNames[D], {{"input", input}, {"weight", weight}}, output, [&] {
    return convolve<D>(
        zeros ? input
              : F::pad(input, F::PadFuncOptions(padding).mode(pad_mode(options.padding_mode()))),
        weight, conv_options);
  });
}

// What has to be added at the end of each spatial axis, so that the output has the wanted size.
template <size_t D>
std::vector<int64_t> output_padding(const at::Tensor& input, at::IntArrayRef wanted,
                                    const torch::nn::detail::ConvNdOptions<D>& options) {
  const auto spatial = static_cast<int64_t>(D);
  const int64_t others = input.dim() - spatial;
  TORCH_CHECK_VALUE(wanted.size() == D || static_cast<int64_t>(wanted.size()) == input.dim(),
                    kTransposedNames[D], ": output_size ", wanted, " has ", wanted.size(),
                    " sizes; expected ", D, " for the spatial axes, or ", input.dim(),
                    " for all axes of the input ", input.sizes(), ".");
  const at::IntArrayRef sizes = wanted.slice(wanted.size() - D);
  const at::IntArrayRef padding(*std::get<torch::ExpandingArray<D>>(options.padding()));
  std::vector<int64_t> result;
  for (int64_t axis = 0; axis < spatial; ++axis) {
    const int64_t stride = (*options.stride())[axis];
    const int64_t smallest = (input.size(others + axis) - 1) * stride - 2 * padding[axis] +
                             (*options.dilation())[axis] * ((*options.kernel_size())[axis] - 1) + 1;
    TORCH_CHECK_VALUE(sizes[axis] >= smallest && sizes[axis] < smallest + stride,
                      kTransposedNames[D], ": output_size ", wanted, " asks for ", sizes[axis],
                      " elements on spatial axis ", axis, ", but the input ", input.sizes(),
                      " gives ", smallest, " to ", smallest + stride - 1, ".");
    result.push_back(sizes[axis] - smallest);
  }
  return result;
}

// What QuantizedConvTranspose<D>d computes.
template <size_t D>
at::Tensor conv_transposed(const at::Tensor& input, const at::Tensor& weight,
                           const at::Tensor& bias,
                           const torch::nn::detail::ConvNdOptions<D>& options,
                           const std::optional<at::IntArrayRef>& output_size,
                           const functional::FunctionalOptions& output) {
  TORCH_CHECK_NOT_IMPLEMENTED(
      std::holds_alternative<torch::enumtype::kZeros>(options.padding_mode()), kTransposedNames[D],
      ": the padding_mode is ", torch::enumtype::get_enum_name(options.padding_mode()),
      "; a transposed convolution knows kZeros only.");
  auto conv_options = F::ConvTransposeFuncOptions<D>()
                          .bias(bias)
                          .stride(options.stride())
                          .padding(std::get<torch::ExpandingArray<D>>(options.padding()))
                          .output_padding(options.output_padding())
                          .dilation(options.dilation())
                          .groups(options.groups());
  if (output_size.has_value())
    conv_options.output_padding(at::IntArrayRef(output_padding<D>(input, *output_size, options)));
  return functional::call(kTransposedNames[D], {{"input", input}, {"weight", weight}}, output,
                          [&] { return convolve_transposed<D>(input, weight, conv_options); });
}

}  // namespace

at::Tensor QuantizedConv1dImpl::forward(const at::Tensor& input) {
  return located(*this, [&] {
    return conv<1>(quantized_input(input), quantized_weight(), quantized_bias(), options,
                   _reversed_padding_repeated_twice, output_options());
  });
}

at::Tensor QuantizedConv2dImpl::forward(const at::Tensor& input) {
  return located(*this, [&] {
    return conv<2>(quantized_input(input), quantized_weight(), quantized_bias(), options,
                   _reversed_padding_repeated_twice, output_options());
  });
}

at::Tensor QuantizedConv3dImpl::forward(const at::Tensor& input) {
  return located(*this, [&] {
    return conv<3>(quantized_input(input), quantized_weight(), quantized_bias(), options,
                   _reversed_padding_repeated_twice, output_options());
  });
}

at::Tensor QuantizedConvTranspose1dImpl::forward(
    const at::Tensor& input, const std::optional<at::IntArrayRef>& output_size) {
  return located(*this, [&] {
    return conv_transposed<1>(quantized_input(input), quantized_weight(), quantized_bias(), options,
                              output_size, output_options());
  });
}

at::Tensor QuantizedConvTranspose2dImpl::forward(
    const at::Tensor& input, const std::optional<at::IntArrayRef>& output_size) {
  return located(*this, [&] {
    return conv_transposed<2>(quantized_input(input), quantized_weight(), quantized_bias(), options,
                              output_size, output_options());
  });
}

at::Tensor QuantizedConvTranspose3dImpl::forward(
    const at::Tensor& input, const std::optional<at::IntArrayRef>& output_size) {
  return located(*this, [&] {
    return conv_transposed<3>(quantized_input(input), quantized_weight(), quantized_bias(), options,
                              output_size, output_options());
  });
}

}  // namespace ff::nn
