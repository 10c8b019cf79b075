#include "fastforward/model/quantized_model.h"

#include <gtest/gtest.h>
#include <torch/script.h>
#include <torch/torch.h>

#include <atomic>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "fastforward/model/autoquantize.h"
#include "fastforward/model/calibrate.h"
#include "fastforward/model/presets.h"
#include "fastforward/nn/dynamic_linear_quantizer.h"
#include "model/explicit_quantization.h"
#include "support/expect_error.h"
#include "support/tensors.h"

namespace {

using ff::FloatModel;
using ff::QuantizedModel;
using ff::test::linear_quantizer;
using ff::test::Names;
using ff::test::on_grid;
using ff::test::quantized;
using ff::test::random_data;
using ff::test::same;
using ff::test::two_layers_on_grids;
using ff::test::TwoLayers;
namespace F = torch::nn::functional;

TEST(QuantizedModel, ParametersAreTheModelsAndTheQuantizers) {
  TwoLayers net;
  QuantizedModel model = quantized(net, random_data({16, 4}, 1));
  const auto parameters = model->named_parameters();
  EXPECT_TRUE(parameters["fc1.weight"].is_same(net->fc1->weight));
  EXPECT_TRUE(parameters["fc2.bias"].is_same(net->fc2->bias));
  EXPECT_TRUE(parameters["fc1.addmm.weight.scale"].is_same(
      linear_quantizer(model, "fc1.addmm.weight").scale));
  // 4 of the model; scales of 2 weights and 2 activations; an offset of the input.
  EXPECT_EQ(parameters.size(), 9);
}

TEST(QuantizedModel, ParametersComeInTwoGroups) {
  TwoLayers net;
  QuantizedModel model = quantized(net, random_data({16, 4}, 1));
  EXPECT_EQ(model->model_parameters().size(), 4);
  EXPECT_EQ(model->quantizer_parameters().size() + 4, model->parameters().size());
  EXPECT_TRUE(model->model_parameters()[0].is_same(net->fc1->weight));
}

TEST(QuantizedModel, StepsThatAreTooLongForScalesAreExplained) {
  TwoLayers net;
  const torch::Tensor x = random_data({16, 4}, 1);
  QuantizedModel model = quantized(net, x);
  {
    const torch::NoGradGuard no_grad;
    linear_quantizer(model, "fc1.relu.output").scale.sub_(1);
  }
  EXPECT_ERROR(c10::ValueError,
               "every scale must be finite and greater than 0. If an optimizer has changed it, its "
               "steps are too long for scales, which are small: give the quantizers' parameters a "
               "group with a learning rate of its own, about a hundredth of their size.",
               model(x));
}

TEST(QuantizedModel, MadeInInferenceMode) {
  TwoLayers net;
  const torch::Tensor x = random_data({16, 4}, 1);
  QuantizedModel model = nullptr;
  {
    const c10::InferenceMode inference;
    model = quantized(net, x);
    model->eval();
    EXPECT_TRUE(same(model(x), two_layers_on_grids(model, net, x)));
  }
  model(x).sum().backward();
  EXPECT_TRUE(net->fc1->weight.grad().defined());
  const torch::NoGradGuard no_grad;
  EXPECT_TRUE(same(model(x), two_layers_on_grids(model, net, x)));
}

TEST(QuantizedModel, AModelOfInferenceMode) {
  const c10::InferenceMode inference;
  TwoLayers net;
  const torch::Tensor x = random_data({16, 4}, 1);
  QuantizedModel model = quantized(net, x);
  model->eval();
  EXPECT_TRUE(same(model(x), two_layers_on_grids(model, net, x)));
}

TEST(QuantizedModel, GradientsReachWeightsAndScales) {
  TwoLayers net;
  const torch::Tensor x = random_data({16, 4}, 1), g = random_data({16, 3}, 2);
  QuantizedModel model = quantized(net, x);
  (two_layers_on_grids(model, net, x) * g).sum().backward();
  std::map<std::string, torch::Tensor> expected;
  for (const auto& parameter : model->named_parameters()) {
    ASSERT_TRUE(parameter.value().grad().defined()) << parameter.key();
    expected[parameter.key()] = parameter.value().grad().clone();
    parameter.value().mutable_grad().reset();
  }
  model->train();
  (model(x) * g).sum().backward();
  for (const auto& parameter : model->named_parameters())
    EXPECT_TRUE(same(parameter.value().grad(), expected.at(parameter.key()))) << parameter.key();
  torch::optim::SGD optimizer(model->parameters(), 1e-5);  // scales stay positive
  optimizer.step();
  EXPECT_TRUE(same(model(x), two_layers_on_grids(model, net, x))) << "the step is seen";
}

TEST(QuantizedModel, WeightsChangedByHandAreSeen) {
  TwoLayers net;
  const torch::Tensor x = random_data({16, 4}, 1);
  QuantizedModel model = quantized(net, x);
  model->eval();
  const torch::NoGradGuard no_grad;
  model(x);
  net->fc1->weight.mul_(0.5);
  EXPECT_TRUE(same(model(x), two_layers_on_grids(model, net, x))) << "in place";
  net->fc1->weight.set_data(random_data({8, 4}, 2) * 0.1);
  EXPECT_TRUE(same(model(x), two_layers_on_grids(model, net, x))) << "set_data";
  torch::nn::Linear other(4, 8);
  net->fc1 = net->replace_module("fc1", other);
  EXPECT_TRUE(same(model(x), two_layers_on_grids(model, net, x))) << "another module in its place";
  linear_quantizer(model, "fc1.addmm.weight").scale.mul_(2);
  EXPECT_TRUE(same(model(x), two_layers_on_grids(model, net, x))) << "its scale";
}

TEST(QuantizedModel, AParameterReplacedByAnother) {
  torch::jit::Module net("net");
  net.register_parameter("weight", random_data({2, 4}, 1), /*is_buffer=*/false);
  net.define("def forward(self, x):\n    return torch.linear(x, self.weight)\n");
  const torch::Tensor x = random_data({3, 4}, 2);
  QuantizedModel model = quantized(net, x);
  const torch::NoGradGuard no_grad;
  const auto expected = [&] {
    return torch::linear(on_grid(model, "inputs.0.output", x),
                         on_grid(model, "linear.weight", net.attr("weight").toTensor()));
  };
  EXPECT_TRUE(same(model(x), expected()));
  net.setattr("weight", random_data({2, 4}, 3) * 0.5);
  EXPECT_TRUE(same(model(x), expected()));
  EXPECT_TRUE(model->coverage().unseen.empty());
}

// Counts how often it is asked.
class CountedImpl : public ff::nn::CloneableQuantizer<CountedImpl> {
 public:
  void reset() override {}
  torch::Tensor quantize(const torch::Tensor& data) override {
    ++count;
    return data * 2;
  }
  int count = 0;
};

TEST(QuantizedModel, QuantizedWeightsAreKeptWhereNoGradientIsWanted) {
  TwoLayers net;
  const torch::Tensor x = random_data({16, 4}, 1);
  const auto counted = std::make_shared<CountedImpl>();
  ff::QuantizationConfig config;
  config.add_rule("fc1/addmm/weight", [&](const std::string&, const ff::nn::QuantizerImpl&) {
    return ff::nn::Quantizer(counted);
  });
  QuantizedModel model = ff::autoquantize(net, x, config);
  model->eval();
  {
    const torch::NoGradGuard no_grad;
    const torch::Tensor expected =
        net->fc2(torch::relu(F::linear(x, net->fc1->weight * 2, net->fc1->bias)));
    for (int i = 0; i < 3; ++i)
      EXPECT_TRUE(same(model(x), expected));
    EXPECT_EQ(counted->count, 1);
    net->fc1->weight.add_(1);
    model(x);
    EXPECT_EQ(counted->count, 2) << "the weight was written to";
    net->fc2->weight.add_(1);
    net->fc1->bias.add_(1);
    model(x);
    EXPECT_EQ(counted->count, 2) << "others were";
  }
  model->train();
  model(x);
  model(x);
  EXPECT_EQ(counted->count, 4);
}

TEST(QuantizedModel, QuantizersWithoutARangeAreListed) {
  TwoLayers net;
  const torch::Tensor x = random_data({16, 4}, 1);
  QuantizedModel model = ff::autoquantize(net, x);
  EXPECT_ERROR(c10::ValueError,
               "QuantizedModel: 2 quantizers have no range yet: inputs.0.output, "
               "fc1.relu.output; run ff::calibrate(model, batches), call "
               "set_quantization_range() on each, or leave them in float with a rule.",
               model(x));
  EXPECT_EQ(model->uninitialized(), (Names{"inputs.0.output", "fc1.relu.output"}));
  EXPECT_EQ(net->forward(x).sizes(), (std::vector<int64_t>{16, 3})) << "no mode is left behind";
}

TEST(QuantizedModel, AnErrorInTheForwardLeavesNoModeBehind) {
  bool fails = false;
  const torch::Tensor w = random_data({2, 4}, 1);
  const FloatModel net([&](const torch::Tensor& in) {
    const torch::Tensor h = torch::linear(in, w);
    if (fails)
      throw std::runtime_error("out of tea");
    return h;
  });
  const torch::Tensor x = random_data({16, 4}, 2);
  QuantizedModel model = quantized(net, x);
  const torch::Tensor y = model(x);
  fails = true;
  EXPECT_ERROR(std::runtime_error, "out of tea", model(x));
  fails = false;
  EXPECT_TRUE(same(net.forward({x}).toTensor(), torch::linear(x, w))) << "plain";
  EXPECT_TRUE(same(model(x), y));
}

TEST(QuantizedModel, ErrorsOfQuantizersPassThroughTorchScript) {
  torch::jit::Module net("net");
  net.register_parameter("weight", random_data({2, 4}, 1), /*is_buffer=*/false);
  net.define("def forward(self, x):\n    return torch.linear(x, self.weight)\n");
  QuantizedModel model = ff::autoquantize(net, random_data({3, 4}, 2));
  EXPECT_ERROR(c10::ValueError, "QuantizedModel: 1 quantizers have no range yet: inputs.0.output",
               model(random_data({3, 4}, 2)));
}

TEST(QuantizedModel, WrongInputs) {
  QuantizedModel model = quantized(TwoLayers(), random_data({16, 4}, 1));
  EXPECT_ERROR(c10::TypeError, "cannot be called with 2 inputs (Tensor, int)",
               model(torch::ones({1, 4}), int64_t{2}));
  EXPECT_ERROR(c10::Error, "mat1 and mat2 shapes cannot be multiplied", model(torch::ones({1, 5})));
}

TEST(QuantizedModel, EmptyBatch) {
  QuantizedModel model = quantized(TwoLayers(), random_data({16, 4}, 1));
  EXPECT_EQ(model(torch::empty({0, 4})).sizes(), (std::vector<int64_t>{0, 3}));
  QuantizedModel per_token =
      ff::autoquantize(TwoLayers(), random_data({16, 4}, 1), ff::presets::w8a8_per_token());
  EXPECT_EQ(per_token(torch::empty({0, 4})).sizes(), (std::vector<int64_t>{0, 3}));
}

TEST(QuantizedModel, TwoModelsInTwoThreadsAndOneInTwo) {
  TwoLayers a, b;
  const torch::Tensor x = random_data({16, 4}, 1);
  QuantizedModel of_a = quantized(a, x), of_b = quantized(b, x);
  of_a->eval();
  of_b->eval();
  torch::Tensor expected_a, expected_b;
  {
    const torch::NoGradGuard no_grad;
    expected_a = two_layers_on_grids(of_a, a, x);
    expected_b = two_layers_on_grids(of_b, b, x);
  }
  std::atomic<int> wrong = 0;
  const auto work = [&](QuantizedModel model, const torch::Tensor& expected) {
    const torch::NoGradGuard no_grad;
    for (int i = 0; i < 50; ++i)
      wrong += static_cast<int>(!torch::equal(model(x), expected));
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back(work, of_a, expected_a);
    threads.emplace_back(work, of_b, expected_b);
  }
  for (std::thread& thread : threads)
    thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST(QuantizedModel, InferenceModeGivesTheSame) {
  TwoLayers net;
  const torch::Tensor x = random_data({16, 4}, 1);
  QuantizedModel model = quantized(net, x);
  const torch::Tensor expected = two_layers_on_grids(model, net, x);
  const c10::InferenceMode inference;
  EXPECT_TRUE(same(model(x), expected));
  EXPECT_TRUE(same(model(x), expected));
}

TEST(QuantizedModel, CloneIsIndependent) {
  TwoLayers net;
  const torch::Tensor x = random_data({16, 4}, 1);
  QuantizedModel model = quantized(net, x);
  model->eval();
  QuantizedModel copy(std::dynamic_pointer_cast<ff::QuantizedModelImpl>(model->clone()));
  const torch::NoGradGuard no_grad;
  const torch::Tensor before = model(x);
  EXPECT_TRUE(same(copy(x), before));
  EXPECT_FALSE(copy->is_training());
  net->fc1->weight.mul_(0.5);
  linear_quantizer(model, "fc1.relu.output").scale.mul_(2);
  EXPECT_TRUE(same(copy(x), before));
  EXPECT_FALSE(torch::equal(model(x), before));
  linear_quantizer(copy, "fc2.addmm.weight")
      .set_quantization_range(torch::full({3}, -0.1), torch::full({3}, 0.1));
  EXPECT_FALSE(torch::equal(copy(x), before));
  EXPECT_ERROR(
      c10::NotImplementedError, "clone: the model is a function",
      quantized(FloatModel([](const torch::Tensor& in) { return in.mm(in.t()); }), x)->clone());
}

TEST(QuantizedModel, AQuantizerInTwoPlacesIsOneInACloneToo) {
  TwoLayers net;
  const torch::Tensor x = random_data({16, 4}, 1);
  QuantizedModel model = quantized(net, x);
  ff::nn::LinearQuantizer one(8);
  one->set_quantization_range(-1, 1);
  auto places = ff::find_quantizers(model, "**/[cls:addmm]/weight");
  ASSERT_EQ(places.size(), 2);
  places.replace([&](const std::string&, const ff::nn::QuantizerImpl&) { return one; });
  QuantizedModel copy(std::dynamic_pointer_cast<ff::QuantizedModelImpl>(model->clone()));
  EXPECT_EQ(copy->parameters().size(), model->parameters().size());
  const auto copied = ff::find_quantizers(copy, "**/[cls:addmm]/weight");
  ASSERT_EQ(copied.size(), 2);
  ASSERT_EQ(copied.quantizers().size(), 1);
  EXPECT_NE(copied.quantizers()[0].get(), one.ptr().get());
}

TEST(QuantizedModel, TrainAndEvalReachTheFloatModel) {
  TwoLayers net;
  QuantizedModel model = quantized(net, random_data({16, 4}, 1));
  model->eval();
  EXPECT_FALSE(net->fc1->is_training());
  model->train();
  EXPECT_TRUE(net->fc1->is_training());
}

TEST(QuantizedModel, InAnotherType) {
  TwoLayers net;
  const torch::Tensor x = random_data({16, 4}, 1);
  QuantizedModel model = quantized(net, x);
  model->to(torch::kDouble);
  EXPECT_EQ(net->fc1->weight.dtype(), torch::kDouble);
  const torch::Tensor wide = x.to(torch::kDouble);
  EXPECT_TRUE(same(model(wide), two_layers_on_grids(model, net, wide)));
}

}  // namespace
