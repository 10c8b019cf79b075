// The tutorial of docs/adding_a_quantizer.md: a quantization function and a quantizer of one's own.

#include <fastforward/fastforward.h>
#include <torch/autograd.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <iostream>

#include "figures.h"

// Each argument after the data is a tensor or a number; an absent offset stands for 0.
struct MyQuantizationFunction : ff::QuantizationFunction<MyQuantizationFunction> {
  // For printing, argument() and rebind().
  static std::vector<std::string> argument_names() {
    return {"num_bits", "scale", "offset"};
  }
  // Each code stands for itself: view, slice, cat, ... stay quantized.
  static constexpr bool kElementwise = true;

  static torch::Tensor quantize(const torch::Tensor& data, int64_t num_bits,
                                const torch::Tensor& scale,
                                const std::optional<torch::Tensor>& offset) {
    const torch::Tensor position = offset ? data / scale - *offset : data / scale;
    return torch::clamp(ff::round_ste(position), ff::integer_minimum(num_bits),
                        ff::integer_maximum(num_bits));
  }

  static torch::Tensor dequantize(const torch::Tensor& codes, int64_t /*num_bits*/,
                                  const torch::Tensor& scale,
                                  const std::optional<torch::Tensor>& offset) {
    return (offset ? codes + offset->round() : codes) * scale;
  }
};

// The same function with its gradient in one step. Codes are integers in memory now.
struct MyAutogradFunction : ff::QuantizationAutogradFunction<MyAutogradFunction> {
  static std::vector<std::string> argument_names() {
    return {"num_bits", "scale", "offset"};
  }
  static constexpr bool kElementwise = true;

  static torch::Tensor quantize(torch::autograd::AutogradContext* ctx, const torch::Tensor& data,
                                int64_t num_bits, const torch::Tensor& scale,
                                const std::optional<torch::Tensor>& offset) {
    ctx->save_for_backward({data, scale, offset.value_or(torch::Tensor())});
    ctx->saved_data["num_bits"] = num_bits;
    return MyQuantizationFunction::quantize(data, num_bits, scale, offset).to(torch::kShort);
  }

  static torch::Tensor dequantize(const torch::Tensor& codes, int64_t num_bits,
                                  const torch::Tensor& scale,
                                  const std::optional<torch::Tensor>& offset) {
    return MyQuantizationFunction::dequantize(codes, num_bits, scale, offset);
  }

  // Gradients of the data and of each argument, undefined where there is none.
  static torch::autograd::tensor_list quant_dequant_backward(torch::autograd::AutogradContext* ctx,
                                                             const torch::Tensor& gradient) {
    const auto saved = ctx->get_saved_variables();
    const torch::Tensor &data = saved[0], &scale = saved[1], &offset = saved[2];
    const int64_t num_bits = ctx->saved_data["num_bits"].toInt();
    const int64_t low = ff::integer_minimum(num_bits), high = ff::integer_maximum(num_bits);

    const torch::Tensor ratio = data / scale;
    const torch::Tensor code = (offset.defined() ? ratio - offset : ratio).round();
    const torch::Tensor inside = torch::logical_and(code >= low, code <= high);
    const torch::Tensor whole =
        offset.defined() ? code.clamp(low, high) + offset.round() : code.clamp(low, high);

    const torch::Tensor data_gradient = gradient * inside;
    const torch::Tensor scale_gradient = (gradient * (whole - ratio * inside)).sum();
    torch::Tensor offset_gradient;
    if (offset.defined())
      offset_gradient = (-data_gradient.sum() * scale).reshape(offset.sizes());
    return {data_gradient, torch::Tensor(), scale_gradient.reshape(scale.sizes()), offset_gradient};
  }
};

// A quantizer is a module. The second base lets ranges be set, and tried without being set.
class MyQuantizerImpl : public ff::nn::CloneableQuantizer<MyQuantizerImpl>,
                        public ff::nn::SupportsRangeBasedOperator {
 public:
  explicit MyQuantizerImpl(int64_t num_bits, bool symmetric = false)
      : num_bits_(num_bits), symmetric_(symmetric) {
    reset();
  }

  // Registers the parameters: called by the constructor and by clone().
  void reset() override {
    scale = register_parameter("scale", torch::zeros({1}));
    if (!symmetric_)
      offset = register_parameter("offset", torch::zeros({1}));
  }

  torch::Tensor quantize(const torch::Tensor& data) override {
    TORCH_CHECK_VALUE(has_range(),
                      "no range was set; call set_quantization_range() or estimate it.");
    return MyQuantizationFunction::apply(data, num_bits_, scale, optional_offset());
  }

  ff::Granularity granularity() const override {
    return ff::PerTensor();
  }
  bool symmetric() const override {
    return symmetric_;
  }

  std::optional<ff::QuantizationRange> quantization_range() const override {
    if (!has_range())
      return std::nullopt;
    return ff::quantization_range(scale, optional_offset(), num_bits_);
  }

  void set_quantization_range(const torch::Tensor& min, const torch::Tensor& max) override {
    const torch::NoGradGuard no_grad;
    const ff::AffineParameters parameters = parameters_for_range(min, max);
    scale.copy_(parameters.scale);
    if (offset.defined())
      offset.copy_(*parameters.offset);
  }

  std::function<torch::Tensor(const torch::Tensor&)> operator_for_range(
      const torch::Tensor& min, const torch::Tensor& max, torch::IntArrayRef) const override {
    const ff::AffineParameters parameters = parameters_for_range(min, max);
    return MyQuantizationFunction::bind(num_bits_, parameters.scale, parameters.offset);
  }

  std::string extra_repr() const override {
    return "num_bits=" + std::to_string(num_bits_) +
           ", symmetric=" + (symmetric_ ? "true" : "false");
  }

  torch::Tensor scale, offset;

 private:
  bool has_range() const {
    return scale.item<float>() > 0;
  }
  std::optional<torch::Tensor> optional_offset() const {
    return offset.defined() ? std::optional(offset) : std::nullopt;
  }
  ff::AffineParameters parameters_for_range(const torch::Tensor& min,
                                            const torch::Tensor& max) const {
    return ff::parameters_for_range(min, max, num_bits_,
                                    {.symmetric = symmetric_, .allow_one_sided = false});
  }

  int64_t num_bits_;
  bool symmetric_;
};
TORCH_MODULE(MyQuantizer);

namespace {

double max_error(const torch::Tensor& data, const torch::Tensor& quantized) {
  const torch::NoGradGuard no_grad;
  return (data - quantized.dequantize()).abs().max().item<double>();
}

double mean_squared_error(const torch::Tensor& data, const torch::Tensor& quantized) {
  const torch::NoGradGuard no_grad;
  return (data - quantized.dequantize()).square().mean().item<double>();
}

void quantize_with_the_function(Figures& figures) {
  const torch::Tensor data = torch::rand({1024, 1024}, torch::requires_grad());
  const int64_t bits = 8;
  const torch::Tensor quantized = MyQuantizationFunction::apply(
      data, bits, torch::tensor(1.0 / (1 << bits)), torch::tensor(128.0));
  figures.add("The maximum quantization error found on input data is", max_error(data, quantized));
  std::cout << "  The tensor carries " << ff::bound_function(quantized) << "\n";
}

void set_the_range_by_hand(Figures& figures) {
  const torch::Tensor data = torch::randn({128, 64, 4}, torch::requires_grad());
  MyQuantizer quantizer(8);
  quantizer->set_quantization_range(data.min(), data.max());
  figures.add("The maximum quantization error found on input tensor is",
              max_error(data, quantizer(data)));
}

void estimate_the_range(Figures& figures) {
  const torch::Tensor data = torch::randn({10, 10}, torch::requires_grad());
  MyQuantizer quantizer(8);
  torch::Tensor quantized;
  {
    const auto estimation = ff::estimate_ranges(quantizer, ff::range_setting::running_minmax());
    quantized = quantizer(data);
  }
  figures.add("The maximum quantization error found on calibration data is",
              max_error(data, quantized));
  const torch::Tensor new_data = torch::randn({10, 10}, torch::requires_grad());
  figures.add("The maximum quantization error found on new data is",
              max_error(new_data, quantizer(new_data)));
}

// operator_for_range lets an estimator try ranges: with few bits a narrower one is better.
void search_the_range(Figures& figures) {
  const torch::Tensor data = torch::randn({64, 64});
  MyQuantizer quantizer(3, /*symmetric=*/true);
  {
    const auto estimation = ff::estimate_ranges(quantizer, ff::range_setting::running_minmax());
    quantizer(data);
  }
  figures.add("The mean squared error with 3 bits and the data's range is",
              mean_squared_error(data, quantizer(data)));
  {
    const auto estimation = ff::estimate_ranges(quantizer, ff::range_setting::mse_grid());
    quantizer(data);
  }
  figures.add("The mean squared error with 3 bits and the best range of a grid is",
              mean_squared_error(data, quantizer(data)));
}

constexpr int64_t kBits = 4;
constexpr double kScale = 0.1, kOffset = 0.4;

// Gradients of data, scale and offset of `Function`, whose values are weighted by `weight`.
template <typename Function>
std::vector<torch::Tensor> gradients(const torch::Tensor& data, const torch::Tensor& weight) {
  const auto options = data.options().requires_grad(true);
  const torch::Tensor x = data.clone().requires_grad_();
  const torch::Tensor scale = torch::tensor({kScale}, options);
  const torch::Tensor offset = torch::tensor({kOffset}, options);
  (Function::apply(x, kBits, scale, offset).dequantize() * weight).sum().backward();
  return {x.grad(), scale.grad(), offset.grad()};
}

// Elements that round to the smallest or the largest code are left out: LibTorch's clamp gives them
// the gradient 1 or 0 depending on its version, the joint backward 1.
void compare_gradients(Figures& figures) {
  const torch::Tensor data = torch::randn({64, 64}, torch::kDouble);
  const torch::Tensor code = (data / kScale - kOffset).round();
  const torch::Tensor on_border =
      torch::logical_or(code == ff::integer_minimum(kBits), code == ff::integer_maximum(kBits));
  const torch::Tensor weight = torch::randn_like(data).masked_fill(on_border, 0);
  const std::vector<torch::Tensor> joint = gradients<MyAutogradFunction>(data, weight);
  const std::vector<torch::Tensor> autograd = gradients<MyQuantizationFunction>(data, weight);
  const char* const names[] = {"data", "scale", "offset"};
  for (size_t i = 0; i < joint.size(); ++i) {
    figures.add(std::string("The joint backward and autograd differ in the gradient of ") +
                    names[i] + " by",
                (joint[i] - autograd[i]).abs().max().item<double>());
  }
}

}  // namespace

int main(int argc, char** argv) {
  torch::manual_seed(0);
  Figures figures(argc, argv);
  quantize_with_the_function(figures);
  set_the_range_by_hand(figures);
  estimate_the_range(figures);
  search_the_range(figures);
  compare_gradients(figures);
  figures.write();
}
