#include <gtest/gtest.h>
#include <torch/torch.h>

#include <string>
#include <vector>

#include "fastforward/model/autoquantize.h"
#include "fastforward/model/calibrate.h"
#include "model/explicit_quantization.h"
#include "support/tensors.h"

// What is made of the inputs and not of floating-point tensors all the way: bytes, masks, indices,
// complex numbers, single numbers.
namespace {

using ff::FloatModel;
using ff::QuantizedModel;
using ff::test::Names;
using ff::test::on_grid;
using ff::test::quantized;
using ff::test::quantizer_paths;
using ff::test::random_data;
using ff::test::same;
using ff::test::site_paths;

TEST(AutoquantizeInputs, BytesBecomeNumbers) {
  const torch::Tensor w = random_data({3, 4}, 1);
  const FloatModel net(
      [=](const torch::Tensor& image) { return torch::linear(image.to(torch::kFloat) / 255, w); });
  const torch::Tensor x = torch::arange(8).view({2, 4}).mul(30).to(torch::kByte);
  QuantizedModel model = quantized(net, x);
  EXPECT_EQ(site_paths(model), (Names{"to", "div", "linear"}));
  EXPECT_EQ(quantizer_paths(model), (Names{"div.output", "linear.weight"}));
  model->set_strict(true);
  const torch::Tensor scaled = on_grid(model, "div.output", x.to(torch::kFloat) / 255);
  EXPECT_TRUE(same(model(x), torch::linear(scaled, on_grid(model, "linear.weight", w))));
}

TEST(AutoquantizeInputs, ComparisonsAndComplexNumbersAreNoEnd) {
  const torch::Tensor w = random_data({3, 4}, 1), v = random_data({2, 3}, 2);
  const FloatModel net([=](const torch::Tensor& x) {
    const torch::Tensor positive = (x > 0).to(torch::kFloat);
    const torch::Tensor spectrum = torch::fft_fft(x).abs();
    const torch::Tensor first = torch::linear(positive, w);
    return torch::linear(first + torch::linear(spectrum, w), v);
  });
  const torch::Tensor x = random_data({5, 4}, 3);
  QuantizedModel model = quantized(net, x);
  EXPECT_EQ(quantizer_paths(model),
            (Names{"to.output", "abs.output", "linear.weight", "linear.output", "linear_1.output",
                   "add.output", "linear_2.weight"}));
  model->set_strict(true);
  const torch::Tensor wq = on_grid(model, "linear.weight", w);
  const torch::Tensor positive =
      torch::linear(on_grid(model, "to.output", (x > 0).to(torch::kFloat)), wq);
  const torch::Tensor spectrum =
      torch::linear(on_grid(model, "abs.output", torch::fft_fft(x).abs()), wq);
  const torch::Tensor sum =
      on_grid(model, "linear.output", positive) + on_grid(model, "linear_1.output", spectrum);
  EXPECT_TRUE(same(model(x), torch::linear(on_grid(model, "add.output", sum),
                                           on_grid(model, "linear_2.weight", v))));
}

TEST(AutoquantizeInputs, RowsChosenByAnInputAreData) {
  struct NetImpl : torch::nn::Module {
    NetImpl()
        : codes(register_parameter("codes", random_data({6, 4}, 1))),
          head(register_module("head", torch::nn::Linear(4, 3))) {}
    torch::Tensor forward(const torch::Tensor& index) {
      return head(codes.index({index}));
    }
    torch::Tensor codes;
    torch::nn::Linear head;
  };
  const auto net = std::make_shared<NetImpl>();
  const torch::Tensor index = torch::tensor({0, 3, 5});
  QuantizedModel model = quantized(net, index);
  EXPECT_EQ(quantizer_paths(model), (Names{"head.addmm.weight", "index.output"}));
}

TEST(AutoquantizeInputs, ASingleNumberIsNoEnd) {
  const torch::Tensor w = random_data({1, 3}, 1);
  const FloatModel net([=](const torch::Tensor& x) { return x.mean().view({1, 1}).mm(w); });
  const torch::Tensor x = random_data({5, 4}, 3);
  QuantizedModel model = quantized(net, x);
  EXPECT_EQ(quantizer_paths(model), (Names{"view.output", "matmul.weight"}));
}

TEST(AutoquantizeInputs, IntegersOfSizesMakeNoSites) {
  const torch::Tensor w = random_data({3, 4}, 1);
  const FloatModel net([=](const torch::Tensor& ids) {
    const torch::Tensor next = (ids * 2 + 1).remainder(6);
    return torch::embedding(torch::ones({6, 4}), next).matmul(w.t());
  });
  QuantizedModel model = quantized(net, torch::tensor({0, 3, 5}));
  EXPECT_EQ(site_paths(model), (Names{"embedding", "t", "matmul"}));
}

// A tensor that a function captures is a weight from its first use as one on.
TEST(AutoquantizeInputs, AConstantThatIsAWeightLater) {
  const torch::Tensor w = random_data({4, 4}, 1);
  const FloatModel net([=](const torch::Tensor& x) { return torch::relu(x * w).mm(w); });
  const torch::Tensor x = random_data({4, 4}, 2);
  QuantizedModel model = ff::autoquantize(net, x);
  const ff::CalibrationReport report = ff::calibrate(model, x);
  EXPECT_TRUE(report.not_reached.empty());
  model->set_strict(true);
  const torch::Tensor product = on_grid(model, "inputs.0.output", x) * w;
  EXPECT_TRUE(same(
      model(x),
      on_grid(model, "relu.output", torch::relu(product)).mm(on_grid(model, "matmul.weight", w))));
}

}  // namespace
