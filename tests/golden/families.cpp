#include "golden/families.h"

#include <cmath>
#include <stdexcept>

namespace golden {
namespace {

// FastForward sums float32 gradients in another order: its own error, as the family's "about" says.
constexpr double kGradientTolerance = 1e-4;
constexpr double kEstimatorTolerance = 1e-6;

std::optional<torch::Tensor> requires_grad(const std::optional<torch::Tensor>& tensor) {
  return tensor.has_value() ? std::optional(tensor->clone().requires_grad_()) : std::nullopt;
}

// The tutorial's function, as docs/adding_a_quantizer.md writes it.
struct MyQuantizationFunction : ff::QuantizationFunction<MyQuantizationFunction> {
  static torch::Tensor quantize(const torch::Tensor& data, int64_t num_bits, torch::Tensor scale,
                                std::optional<torch::Tensor> offset) {
    const double min_int = -std::pow(2.0, num_bits - 1);
    torch::Tensor position = data / scale;
    if (offset.has_value()) {
      position = position - *offset;
    }
    // torch::clamp, with the gradient that it has in LibTorch 2.15 (2.7 passes it on at the
    // bounds).
    const torch::Tensor code = ff::round_ste(position);
    return torch::where((code > min_int) & (code < -min_int - 1), code,
                        code.detach().clamp(min_int, -min_int - 1));
  }
  static torch::Tensor dequantize(const torch::Tensor& codes, int64_t, torch::Tensor scale,
                                  std::optional<torch::Tensor> offset) {
    return offset.has_value() ? (codes + torch::round(*offset)) * scale : codes * scale;
  }
};

struct Inputs {
  explicit Inputs(const Case& one)
      : x(one.at("x").clone().requires_grad_()),
        scale(one.at("scale").clone().requires_grad_()),
        offset(requires_grad(one.find("offset"))) {}

  torch::Tensor x, scale;
  std::optional<torch::Tensor> offset;
};

std::string check_values(const Case& one, const torch::Tensor& quantized) {
  if (!same_codes(ff::codes(quantized), one.at("codes"))) {
    return "codes";
  }
  return same_bits(quantized.dequantize(), one.at("dequantized")) ? "" : "dequantized";
}

std::string check_gradients(const Case& one, const Inputs& inputs, bool exact_x) {
  const torch::Tensor& grad_x = one.at("grad_x");
  if (exact_x ? !same_bits(inputs.x.grad(), grad_x)
              : !close(inputs.x.grad(), grad_x, kGradientTolerance)) {
    return "grad_x";
  }
  if (!close(inputs.scale.grad(), one.at("grad_scale"), kGradientTolerance)) {
    return "grad_scale";
  }
  const auto expected = one.find("grad_offset");
  if (!expected.has_value()) {
    return "";
  }
  // Torch gives no gradient to an offset that only stands inside round().
  const torch::Tensor ours = inputs.offset->grad();
  return close(ours.defined() ? ours : torch::zeros_like(*expected), *expected, kGradientTolerance)
             ? ""
             : "grad_offset";
}

}  // namespace

std::string check_affine(const Case& one) {
  Inputs inputs(one);
  const torch::Tensor quantized = ff::quantize_per_granularity(
      inputs.x, inputs.scale, inputs.offset, one.granularity(), one.json["bits"]);
  const std::string wrong = check_values(one, quantized);
  if (!wrong.empty()) {
    return wrong;
  }
  (quantized.dequantize() * one.at("grad_out")).sum().backward();
  return check_gradients(one, inputs, /*exact_x=*/true);
}

std::string check_custom(const Case& one) {
  Inputs inputs(one);
  const torch::Tensor quantized = MyQuantizationFunction::apply(
      inputs.x, one.json["bits"].get<int64_t>(), inputs.scale, inputs.offset);
  const std::string wrong = check_values(one, quantized);
  if (!wrong.empty()) {
    return wrong;
  }
  (quantized.dequantize() * one.at("grad_out")).sum().backward();
  return check_gradients(one, inputs, /*exact_x=*/false);
}

std::string check_range(const Case& one) {
  const int64_t bits = one.json["bits"];
  const ff::AffineParameters parameters =
      ff::parameters_for_range(one.at("min"), one.at("max"), bits, one.range_options());
  const auto offset = one.find("offset");
  if (!same_bits(parameters.scale, one.at("scale"))) {
    return "scale";
  }
  if (parameters.offset.has_value() != offset.has_value()) {
    return "presence of offset";
  }
  if (offset.has_value() && !same_bits(*parameters.offset, *offset)) {
    return "offset";
  }
  const ff::QuantizationRange range =
      ff::quantization_range(parameters.scale, parameters.offset, bits);
  if (!same_bits(range.min, one.at("range_min"))) {
    return "range_min";
  }
  return same_bits(range.max, one.at("range_max")) ? "" : "range_max";
}

std::string check_dynamic(const Case& one) {
  const torch::Tensor quantized = ff::dynamic::quantize_per_granularity(
      one.at("x"), one.granularity(), one.json["bits"], one.range_options());
  const ff::BoundQuantizationFunction function = ff::bound_function(quantized);
  if (!same_bits(function.argument("scale").toTensor(), one.at("scale"))) {
    return "scale";
  }
  if (!same_bits(function.argument("offset").toTensor(), one.at("offset"))) {
    return "offset";
  }
  return check_values(one, quantized);
}

std::string check_estimator(const Case& one) {
  ff::nn::LinearQuantizer quantizer(ff::nn::LinearQuantizerOptions(one.json["bits"].get<int64_t>())
                                        .symmetric(one.json["symmetric"])
                                        .allow_one_sided(one.json["allow_one_sided"])
                                        .granularity(one.granularity()));
  const std::string name = one.json["estimator"];
  std::shared_ptr<ff::range_setting::RangeEstimator> estimator;
  if (name == "running_minmax") {
    estimator = ff::range_setting::running_minmax();
  } else if (name == "smoothed_minmax") {
    estimator = ff::range_setting::smoothed_minmax({.gamma = one.json["gamma"]});
  } else if (name == "mse_grid") {
    estimator = ff::range_setting::mse_grid({.num_candidates = one.json["num_candidates"]});
  } else {
    throw std::runtime_error("unknown estimator " + name);
  }
  {
    const auto estimation = ff::estimate_ranges(quantizer, estimator);
    for (int64_t i = 0; i < one.json["batches"].get<int64_t>(); ++i) {
      quantizer(one.at("batch" + std::to_string(i)));
    }
  }
  // Every element by itself: tiles have ranges of different sizes.
  if (!close(quantizer->scale, one.at("scale"), kEstimatorTolerance, 0)) {
    return "scale";
  }
  const auto offset = one.find("offset");
  if (!offset.has_value()) {
    return quantizer->offset.defined() ? "presence of offset" : "";
  }
  return close(quantizer->offset, *offset, kEstimatorTolerance, 0) ? "" : "offset";
}

}  // namespace golden
