#include "fastforward/nn/quantizer.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "fastforward/nn/disable_quantization.h"
#include "fastforward/nn/dynamic_linear_quantizer.h"
#include "fastforward/nn/linear_quantizer.h"
#include "fastforward/nn/quantizer_stub.h"
#include "fastforward/quantization/affine.h"
#include "fastforward/quantization/fake_quantize.h"
#include "support/expect_error.h"
#include "support/tensors.h"

namespace {

using ff::nn::DynamicLinearQuantizer;
using ff::nn::LinearQuantizer;
using ff::nn::LinearQuantizerImpl;
using ff::nn::LinearQuantizerOptions;
using ff::test::floats;
using ff::test::random_data;
using ff::test::same;

// A quantizer as a user writes it.
class MyQuantizerImpl : public ff::nn::CloneableQuantizer<MyQuantizerImpl> {
 public:
  explicit MyQuantizerImpl(double start) : start(start) {
    reset();
  }
  void reset() override {
    scale = register_parameter("scale", torch::full({1}, start));
    inner = register_module("inner", torch::nn::Linear(2, 2));
  }
  torch::Tensor quantize(const torch::Tensor& data) override {
    return ff::quantize_per_tensor(inner->forward(data), scale);
  }
  double start;
  torch::Tensor scale;
  torch::nn::Linear inner = nullptr;
};
TORCH_MODULE(MyQuantizer);

TEST(Quantizer, ForwardQuantizes) {
  MyQuantizer quantizer(0.5);
  EXPECT_TRUE(ff::is_quantized(quantizer->forward(torch::ones({1, 2}))));
  EXPECT_TRUE(ff::is_quantized(quantizer(torch::ones({1, 2})))) << "also by call";
}

TEST(Quantizer, DescribesItself) {
  MyQuantizer quantizer(0.5);
  EXPECT_EQ(quantizer->describe(), "MyQuantizer");
  quantizer->set_path("layer.weight");
  EXPECT_EQ(quantizer->path(), "layer.weight");
  EXPECT_EQ(quantizer->describe(), "MyQuantizer 'layer.weight'");
  EXPECT_EQ(LinearQuantizer(8)->describe(), "LinearQuantizer");
  std::ostringstream stream;
  quantizer->pretty_print(stream);
  EXPECT_EQ(stream.str(), "MyQuantizer()");
}

TEST(Quantizer, ErrorsNameIt) {
  MyQuantizer quantizer(-1);
  quantizer->set_path("layer.weight");
  EXPECT_ERROR(c10::ValueError,
               "MyQuantizer 'layer.weight': AffineQuantizationFunction: scale[0] is "
               "-1",
               quantizer->forward(torch::ones({1, 2})));
}

TEST(Quantizer, CloneIsDeep) {
  MyQuantizer quantizer(0.5);
  quantizer->metadata().add_tag("mine/a");
  quantizer->set_path("there");
  const auto copy = std::dynamic_pointer_cast<MyQuantizerImpl>(quantizer->clone());
  ASSERT_NE(copy, nullptr);
  EXPECT_TRUE(same(copy->scale, quantizer->scale));
  EXPECT_TRUE(same(copy->inner->weight, quantizer->inner->weight));
  EXPECT_TRUE(copy->metadata().has_tag("mine"));
  EXPECT_EQ(copy->parameters().size(), 3U);
  EXPECT_TRUE(copy->scale.is_same(copy->named_parameters()["scale"])) << "the member is registered";
  EXPECT_TRUE(copy->scale.requires_grad());
  {
    const torch::NoGradGuard no_grad;
    quantizer->scale.fill_(9);
    quantizer->inner->weight.fill_(9);
  }
  EXPECT_EQ(copy->scale.item<float>(), 0.5F);
  EXPECT_NE(copy->inner->weight[0][0].item<float>(), 9);
}

TEST(Quantizer, CloneHasNoOverrides) {
  MyQuantizer quantizer(0.5);
  const auto handle =
      quantizer->register_override([](ff::nn::QuantizerImpl&, const ff::nn::NextFunction&,
                                      const torch::Tensor& data) { return data; });
  const auto copy = std::dynamic_pointer_cast<MyQuantizerImpl>(quantizer->clone());
  EXPECT_FALSE(ff::is_quantized(quantizer->forward(torch::ones({1, 2}))));
  EXPECT_TRUE(ff::is_quantized(copy->forward(torch::ones({1, 2}))));
  EXPECT_EQ(quantizer->overrides().entries()->size(), 1U);
}

TEST(Quantizer, CloneToTheSameDevice) {
  // LibTorch moves parameters with set_data, which refuses the meta device.
  MyQuantizer quantizer(0.5);
  const auto copy =
      std::dynamic_pointer_cast<MyQuantizerImpl>(quantizer->clone(torch::Device(torch::kCPU)));
  EXPECT_TRUE(same(copy->scale, quantizer->scale));
  EXPECT_FALSE(copy->scale.is_same(quantizer->scale));
}

// A model with every kind of quantizer.
struct ModelImpl : torch::nn::Cloneable<ModelImpl> {
  ModelImpl() {
    reset();
  }
  void reset() override {
    linear = register_module("linear", torch::nn::Linear(3, 2));
    weight = register_module(
        "weight", LinearQuantizer(LinearQuantizerOptions(4).granularity(ff::PerChannel(0))));
    output = register_module("output", LinearQuantizer(LinearQuantizerOptions(8).symmetric(false)));
    dynamic = register_module("dynamic", DynamicLinearQuantizer(8));
    stub = register_module("stub", ff::nn::QuantizerStub());
    mine = register_module("mine", MyQuantizer(0.25));
  }
  torch::Tensor forward(const torch::Tensor& x) {
    const torch::Tensor w = weight(linear->weight).dequantize();
    const torch::Tensor y = torch::linear(dynamic(x).dequantize(), w, linear->bias);
    return mine(output(stub(y)).dequantize()).dequantize();
  }
  torch::nn::Linear linear = nullptr;
  LinearQuantizer weight = nullptr, output = nullptr;
  DynamicLinearQuantizer dynamic = nullptr;
  ff::nn::QuantizerStub stub = nullptr;
  MyQuantizer mine = nullptr;
};
TORCH_MODULE(Model);

TEST(Quantizer, ClonesInsideAParentBeforeCalibration) {
  Model model;
  const auto copy = std::dynamic_pointer_cast<ModelImpl>(model->clone());
  ASSERT_NE(copy, nullptr);
  EXPECT_FALSE(copy->weight->is_initialized());
  copy->weight->set_quantization_range(floats({-1, -1}), floats({1, 1}));
  EXPECT_FALSE(model->weight->is_initialized());
  EXPECT_TRUE(copy->weight->scale.is_same(copy->named_parameters()["weight.scale"]));
}

TEST(Quantizer, ClonesInsideAParentAfterCalibration) {
  Model model;
  model->weight->set_quantization_range(floats({-1, -0.5}), floats({1, 2}));
  model->output->set_quantization_range(-3.0, 3.0);
  const auto copy = std::dynamic_pointer_cast<ModelImpl>(model->clone());
  EXPECT_EQ(copy->named_parameters().keys(), model->named_parameters().keys());
  EXPECT_EQ(copy->named_buffers().keys(), model->named_buffers().keys());
  EXPECT_EQ(copy->weight->scale.numel(), 2) << "the shape came from calibration";
  const torch::Tensor x = random_data({4, 3}, 1);
  const torch::Tensor before = model->forward(x);
  EXPECT_TRUE(same(copy->forward(x), before));

  torch::optim::SGD optimizer(copy->parameters(), 0.1);
  copy->forward(x).sum().backward();
  optimizer.step();
  EXPECT_FALSE(torch::equal(copy->output->scale, model->output->scale)) << "the copy trains";
  EXPECT_TRUE(same(model->forward(x), before)) << "and the original stays";
}

TEST(Quantizer, ClonesOfSequentialsHaveQuantizersToo) {
  torch::nn::Sequential model(torch::nn::Linear(3, 2), LinearQuantizer(8));
  model[1]->as<LinearQuantizerImpl>()->set_quantization_range(-2.0, 2.0);
  const auto copy = std::dynamic_pointer_cast<torch::nn::SequentialImpl>(model->clone());
  const torch::Tensor x = random_data({4, 3}, 1);
  EXPECT_TRUE(same(copy->forward(x).dequantize(), model->forward(x).dequantize()));
}

TEST(Quantizer, FrozenParametersStayFrozenInClones) {
  LinearQuantizer quantizer(8);
  quantizer->set_quantization_range(-2.0, 2.0);
  quantizer->scale.set_requires_grad(false);
  const auto copy = std::dynamic_pointer_cast<LinearQuantizerImpl>(quantizer->clone());
  EXPECT_FALSE(copy->scale.requires_grad());
}

// Registers in the constructor what belongs into reset().
class ForgetfulImpl : public ff::nn::CloneableQuantizer<ForgetfulImpl> {
 public:
  ForgetfulImpl() {
    register_parameter("scale", torch::ones({1}));
  }
  void reset() override {}
  torch::Tensor quantize(const torch::Tensor& data) override {
    return data;
  }
};

TEST(Quantizer, CloneSaysWhatResetForgot) {
  const auto quantizer = std::make_shared<ForgetfulImpl>();
  EXPECT_ERROR(c10::Error,
               "clone: reset() registered 0 parameters, but the original has 1; register each "
               "parameter in reset(), not in the constructor.",
               quantizer->clone());
}

// Adds to a quantizer that has its own clone().
class SpecialImpl : public LinearQuantizerImpl {
 public:
  SpecialImpl() : LinearQuantizerImpl(8) {}
  int more = 5;
};

TEST(Quantizer, CloneDoesNotSlice) {
  const auto special = std::make_shared<SpecialImpl>();
  EXPECT_ERROR(c10::TypeError,
               "clone: Special is derived from a quantizer whose clone() copies that quantizer "
               "only; derive it from ff::nn::CloneableQuantizer with its own type, or override "
               "clone().",
               special->clone());
  torch::nn::Sequential model;
  model->push_back(special);
  EXPECT_ERROR(c10::TypeError, "clone: Special is derived", model->clone());
}

template <typename Inner>
class WrapImpl : public ff::nn::CloneableQuantizer<WrapImpl<Inner>> {
 public:
  void reset() override {}
  torch::Tensor quantize(const torch::Tensor& data) override {
    return data;
  }
};

// fake_quantize is forward and dequantize in one, bit for bit, with its gradients.
void expect_fake_quantize(ff::nn::Quantizer quantizer, const torch::Tensor& data) {
  const auto leaf = [&] { return data.clone().requires_grad_(); };
  const torch::Tensor a = leaf(), b = leaf(), g = random_data(data.sizes(), 99, data.scalar_type());
  const auto gradients = [&](const torch::Tensor& values, const torch::Tensor& input) {
    std::vector<torch::Tensor> inputs = {input};
    for (const torch::Tensor& parameter : quantizer->parameters())
      inputs.push_back(parameter);
    return torch::autograd::grad({(values * g).sum()}, inputs);
  };
  const torch::Tensor expected = ff::dequantize(quantizer->forward(a));
  const torch::Tensor values = quantizer->fake_quantize(b, /*overwrite=*/true);
  EXPECT_FALSE(ff::is_quantized(values));
  EXPECT_TRUE(same(values, expected));
  EXPECT_TRUE(same(b, data)) << "where a gradient is wanted, nothing is overwritten";
  const auto got = gradients(values, b), wanted = gradients(expected, a);
  for (size_t i = 0; i < got.size(); ++i)
    EXPECT_TRUE(same(got[i], wanted[i])) << "gradient " << i;
  const torch::NoGradGuard no_grad;
  EXPECT_TRUE(same(quantizer->fake_quantize(data), expected)) << "without gradients";
  torch::Tensor own = data.clone();
  EXPECT_TRUE(same(quantizer->fake_quantize(own, /*overwrite=*/true), expected)) << "in place";
}

TEST(Quantizer, FakeQuantizeOfLinearQuantizers) {
  const torch::Tensor data = random_data({4, 6}, 1);
  const std::vector<std::pair<ff::Granularity, int64_t>> cases = {
      {ff::PerTensor(), 1},     {ff::PerChannel(0), 4},        {ff::PerChannel(1), 6},
      {ff::PerTile({2, 3}), 4}, {ff::PerBlock(1, 2, {0}), 12}, {ff::PerBlock(0, 3, {}, false), 2}};
  for (const auto& [granularity, tiles] : cases) {
    for (const bool symmetric : {true, false}) {
      for (const int64_t bits : {3, 8, 12}) {
        SCOPED_TRACE(testing::Message() << granularity << ", " << bits << " bits");
        LinearQuantizer quantizer(
            LinearQuantizerOptions(bits).symmetric(symmetric).granularity(granularity));
        quantizer->set_quantization_range(-random_data({tiles}, 2).abs() - 0.3,
                                          random_data({tiles}, 3).abs() + 0.3);
        expect_fake_quantize(quantizer, data);
        expect_fake_quantize(quantizer, data.to(torch::kDouble));
      }
    }
  }
}

TEST(Quantizer, FakeQuantizeOfOthers) {
  const torch::Tensor data = random_data({4, 6}, 1);
  expect_fake_quantize(DynamicLinearQuantizer(4), data);
  expect_fake_quantize(
      DynamicLinearQuantizer(
          ff::nn::DynamicLinearQuantizerOptions(8).symmetric(true).granularity(ff::PerChannel(0))),
      data);
  MyQuantizer mine(0.25);
  EXPECT_TRUE(same(mine->fake_quantize(random_data({3, 2}, 1)),
                   mine->forward(random_data({3, 2}, 1)).dequantize()));
}

TEST(Quantizer, FakeQuantizePassesDataOnWhereNothingIsDone) {
  const torch::Tensor data = random_data({4, 6}, 1);
  EXPECT_TRUE(ff::nn::QuantizerStub()->fake_quantize(data).is_same(data));
  LinearQuantizer quantizer(8);
  const ff::DisableQuantization off{ff::nn::ModuleRef(quantizer)};
  EXPECT_TRUE(quantizer->fake_quantize(data, true).is_same(data)) << "also without a range";
}

TEST(Quantizer, FakeQuantizeRunsOverrides) {
  LinearQuantizer quantizer(8);
  quantizer->set_quantization_range(-2.0, 2.0);
  torch::Tensor data = random_data({4, 6}, 1), seen, error;
  const torch::Tensor before = data.clone(), expected = quantizer->fake_quantize(data);
  const auto handle = quantizer->register_override(
      [&](ff::nn::QuantizerImpl&, const ff::nn::NextFunction& next, const torch::Tensor& given) {
        seen = given;
        const torch::Tensor values = next(given);
        error = given - values.dequantize();  // of what it was given, not of what became of it
        return values;
      });
  const torch::NoGradGuard no_grad;
  EXPECT_TRUE(same(quantizer->fake_quantize(data, /*overwrite=*/true), expected));
  EXPECT_TRUE(seen.is_same(data));
  EXPECT_TRUE(same(error, before - expected));
  const auto doubled =
      quantizer->register_override([](ff::nn::QuantizerImpl&, const ff::nn::NextFunction& next,
                                      const torch::Tensor& given) { return next(given * 2); });
  data.copy_(before);
  EXPECT_TRUE(same(quantizer->fake_quantize(data),
                   ff::fake_quantize(before * 2, quantizer->scale, quantizer->offset)));
}

TEST(Quantizer, FakeQuantizeErrorsNameIt) {
  LinearQuantizer quantizer(8);
  quantizer->set_path("layer.weight");
  EXPECT_ERROR(c10::ValueError,
               "LinearQuantizer 'layer.weight': Tried to quantize a tensor using an uninitialized "
               "quantizer",
               quantizer->fake_quantize(torch::ones({1})));
}

TEST(Quantizer, NamesOfTemplatesKeepTheirArguments) {
  EXPECT_EQ(std::make_shared<WrapImpl<torch::nn::LinearImpl>>()->describe(),
            "Wrap<torch::nn::LinearImpl>");
}

}  // namespace
