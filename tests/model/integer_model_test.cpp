#include <torch/torch.h>

#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "fastforward/dispatch/integer_guard.h"
#include "fastforward/model/autoquantize.h"
#include "fastforward/model/calibrate.h"
#include "fastforward/nn/disable_quantization.h"
#include "fastforward/nn/linear_quantizer.h"
#include "fastforward/tensor/quantized_tensor.h"
#include "model/integer_net.h"
#include "support/expect_error.h"
#include "support/tensors.h"

// Models in integers: the same results as simulated, and what is said of them.
namespace {

using ff::test::how;
using ff::test::images;
using ff::test::net;
using ff::test::Net;
using ff::test::random_data;
using Function = std::function<torch::Tensor(const torch::Tensor&)>;

ff::QuantizedModel of(const Function& function, const torch::Tensor& input) {
  ff::QuantizedModel quantized = ff::autoquantize(ff::FloatModel(function), input.clone());
  ff::calibrate(quantized, input.clone());
  return quantized;
}

// A code or two of an output on its way may differ.
void expect_near(const torch::Tensor& integer, const torch::Tensor& simulated,
                 double share = 0.02) {
  ASSERT_EQ(integer.sizes(), simulated.sizes());
  ASSERT_FALSE(ff::is_quantized(integer));
  EXPECT_LE(integer.sub(simulated).abs().max().item<double>(),
            share * simulated.abs().max().item<double>());
}

torch::Tensor in_integers(ff::QuantizedModel& model, const torch::Tensor& input) {
  const ff::IntegerGuard integers;
  return model(input.clone());
}

void expect_same_ways(const Function& function, const torch::Tensor& input) {
  const at::NoGradGuard no_grad;
  ff::QuantizedModel model = of(function, input);
  expect_near(in_integers(model, input), model(input.clone()));
}

TEST(IntegerModel, GivesWhatTheSimulationGives) {
  const at::NoGradGuard no_grad;
  ff::QuantizedModel model = net();
  for (const int64_t batch : {1, 2, 7}) {
    for (const int64_t size : {1, 5, 8, 13}) {
      model->to_integer(false);
      const torch::Tensor simulated = model(images(batch, 6, size));
      model->to_integer();
      expect_near(model(images(batch, 6, size)), simulated);
    }
  }
  EXPECT_EQ(model(images(0)).sizes(), (std::vector<int64_t>{0, 5})) << "an empty batch";
  const torch::Tensor channels_last = images(3).contiguous(at::MemoryFormat::ChannelsLast);
  EXPECT_TRUE(torch::equal(model(channels_last), model(images(3))));
  const torch::Tensor strided =
      random_data({3, 8, 8, 6}, 9).permute({0, 3, 1, 2}).slice(1, 0, 6, 2);
  EXPECT_TRUE(torch::equal(model(strided), model(strided.contiguous())));
}

TEST(IntegerModel, IsAMode) {
  ff::QuantizedModel model = net();
  EXPECT_FALSE(model->is_integer());
  EXPECT_TRUE(model(images(2)).requires_grad());
  model->to_integer();
  EXPECT_TRUE(model->is_integer());
  EXPECT_FALSE(model(images(2)).requires_grad()) << "integers have no gradients";
  const auto copy = std::dynamic_pointer_cast<ff::QuantizedModelImpl>(model->clone());
  EXPECT_TRUE(copy->is_integer());
  model->to_integer(false);
  EXPECT_TRUE(model(images(2)).requires_grad());
  EXPECT_FALSE(in_integers(model, images(2)).requires_grad());
}

TEST(IntegerModel, CoverageSaysHowEachCallRan) {
  const at::NoGradGuard no_grad;
  ff::QuantizedModel model = net();
  EXPECT_EQ(how(model, "first.conv2d"), "");
  model->to_integer();
  model(images(2));
  EXPECT_EQ(how(model, "first.conv2d"), "codes");
  EXPECT_EQ(how(model, "norm.batch_norm"), "codes");
  EXPECT_EQ(how(model, "norm.relu"), "codes");
  EXPECT_EQ(how(model, "second.silu"), "float, in blocks");
  EXPECT_EQ(how(model, "second.adaptive_avg_pool2d"), "codes");
  std::ostringstream text;
  text << model->coverage();
  EXPECT_NE(text.str().find("in integers"), std::string::npos);
  model->to_integer();
  EXPECT_EQ(how(model, "first.conv2d"), "") << "it has not run since";
}

TEST(IntegerModel, WiderActivationsStayInTheSimulation) {
  const at::NoGradGuard no_grad;
  ff::QuantizedModel model = net(ff::presets::with_bits({.weight_bits = 8, .activation_bits = 16}));
  const torch::Tensor simulated = model(images(2));
  EXPECT_TRUE(torch::equal(in_integers(model, images(2)), simulated));
  EXPECT_EQ(how(model, "first.conv2d"),
            "float: the grid of inputs.0: it has 16 bits, and integers take 8 at most");
}

TEST(IntegerModel, FewerBits) {
  const at::NoGradGuard no_grad;
  ff::QuantizedModel model = net(ff::presets::with_bits({.weight_bits = 4, .activation_bits = 6}));
  expect_near(in_integers(model, images(2)), model(images(2)), 0.1);
  EXPECT_EQ(how(model, "second.conv2d"), "codes");
}

TEST(IntegerModel, ARangeThatIsChangedCountsInTheNextRun) {
  const at::NoGradGuard no_grad;
  ff::QuantizedModel model = net();
  model->to_integer();
  const torch::Tensor before = model(images(2));
  ff::calibrate(model, images(4) * 3);
  const torch::Tensor after = model(images(2));
  EXPECT_FALSE(torch::equal(after, before));
  model->to_integer(false);
  expect_near(after, model(images(2)));
}

TEST(IntegerModel, AWeightThatIsChangedCountsInTheNextRun) {
  const at::NoGradGuard no_grad;
  ff::QuantizedModel model = net();
  model->to_integer();
  model(images(2));
  for (torch::Tensor& parameter : model->model_parameters())
    parameter.mul_(0.5);
  const torch::Tensor integer = model(images(2));
  model->to_integer(false);
  expect_near(integer, model(images(2)));
}

TEST(IntegerModel, WithQuantizersOffItIsTheFloatModel) {
  const at::NoGradGuard no_grad;
  Net model;
  model->eval();
  ff::QuantizedModel quantized = ff::autoquantize(model, images(2));
  ff::calibrate(quantized, images(4));
  quantized->to_integer();
  const ff::DisableQuantization off(quantized);
  EXPECT_TRUE(torch::equal(quantized(images(2)), model(images(2))));
}

TEST(IntegerModel, WithoutRangesItSaysWhatIsMissing) {
  Net model;
  ff::QuantizedModel quantized = ff::autoquantize(model, images(2));
  quantized->to_integer();
  EXPECT_ERROR(c10::ValueError, "quantizers have no range yet: ", quantized(images(2)));
}

TEST(IntegerModel, InInferenceMode) {
  ff::QuantizedModel model = net();
  const torch::Tensor simulated = model(images(2)).detach();
  model->to_integer();
  const c10::InferenceMode inference;
  expect_near(model(images(2)), simulated);
}

TEST(IntegerModel, OperatorsThatWriteToTheirOperand) {
  const torch::Tensor w = random_data({6, 6}, 2) * 0.4, v = random_data({6, 6}, 3) * 0.4;
  expect_same_ways(
      [=](const torch::Tensor& x) {
        torch::Tensor y = torch::linear(x, w);
        y.relu_();
        y += torch::linear(x, v);
        y.mul_(0.5).clamp_(-1, 1);
        return torch::linear(y, w);
      },
      random_data({4, 6}, 1));
}

TEST(IntegerModel, AWriteThatLeavesTheGrid) {
  const torch::Tensor w = random_data({6, 6}, 2) * 0.4;
  expect_same_ways(
      [=](const torch::Tensor& x) {
        const torch::Tensor y = torch::linear(x, w);
        const torch::Tensor z = torch::linear(y, w);
        y.exp_();  // read in float only
        return y.softmax(-1) + z;
      },
      random_data({4, 6}, 1));
}

TEST(IntegerModel, WhatIsCatHasTheGridOfTheWhole) {
  const torch::Tensor w = random_data({6, 6}, 2) * 0.4, v = random_data({3, 6}, 3) * 2,
                      u = random_data({2, 9}, 4);
  const Function function = [=](const torch::Tensor& x) {
    const torch::Tensor y = torch::relu(torch::linear(x, w)), z = torch::linear(x, v);
    return torch::linear(torch::cat({y, z}, -1), u);
  };
  const at::NoGradGuard no_grad;
  const torch::Tensor input = random_data({4, 6}, 1);
  ff::QuantizedModel model = of(function, input);
  expect_near(in_integers(model, input), model(input));
  for (const char* site : {"linear", "relu", "linear_1", "cat", "linear_2"})
    EXPECT_EQ(how(model, site), "codes") << site;
}

// In the example relu reads the result; both are one operation in integers.
TEST(IntegerModel, ABranchThatNoExampleTookIsAnError) {
  const torch::Tensor w = random_data({6, 6}, 2);
  const Function function = [=](const torch::Tensor& x) {
    const torch::Tensor y = torch::linear(x, w);
    return torch::linear(x.size(0) > 3 ? torch::relu(y) : torch::tanh(y), w);
  };
  ff::QuantizedModel model = of(function, random_data({4, 6}, 1));
  EXPECT_NO_THROW(model(random_data({2, 6}, 1)));
  model->to_integer();
  EXPECT_NO_THROW(model(random_data({5, 6}, 1)));
  EXPECT_ERROR(c10::ValueError,
               "QuantizedModel: aten::tanh reads what only relu read in the examples, and in "
               "integers both are one operation. Give autoquantize an example that runs this "
               "branch too, or simulate the model with to_integer(false).",
               model(random_data({2, 6}, 1)));
}

// The model computes what no example showed; the simulation has no grid there.
TEST(IntegerModel, WhatNoExampleShowedIsNotPutOnAGrid) {
  const at::NoGradGuard no_grad;
  const torch::Tensor w = random_data({6, 6}, 2) * 0.4, v = random_data({6, 6}, 3) * 0.4;
  bool is_other = false;
  const Function branch = [&](const torch::Tensor& x) {
    torch::Tensor y = torch::relu(torch::linear(x, w));
    if (is_other)
      y = y * 3;
    return torch::linear(y, v);
  };
  const torch::Tensor input = random_data({4, 6}, 1);
  ff::QuantizedModel branches = of(branch, input);
  is_other = true;
  expect_near(in_integers(branches, input), branches(input));

  int times = 2;
  const Function loop = [&](torch::Tensor x) {
    for (int i = 0; i < times; ++i)
      x = x + torch::tanh(torch::linear(x, w));
    return torch::linear(x, v);
  };
  ff::QuantizedModel loops = of(loop, input);
  times = 5;
  expect_near(in_integers(loops, input), loops(input));
}

TEST(IntegerModel, ADropoutThatTrainsIsNotPutOnAGrid) {
  const at::NoGradGuard no_grad;
  torch::nn::Sequential layers(torch::nn::Linear(6, 32), torch::nn::ReLU(), torch::nn::Dropout(0.5),
                               torch::nn::Linear(32, 4));
  const torch::Tensor input = random_data({16, 6}, 1);
  ff::QuantizedModel model = ff::autoquantize(layers, input);
  ff::calibrate(model, input);
  model->train();
  torch::manual_seed(3);
  const torch::Tensor simulated = model(input);
  torch::manual_seed(3);
  expect_near(in_integers(model, input), simulated);
}

// What was moved has other tiles, and ranges of its own where they are taken from the data.
TEST(IntegerModel, GridsOfManyScalesAreNotPutOnWhatWasMoved) {
  const at::NoGradGuard no_grad;
  const torch::Tensor w = random_data({8, 3, 3, 3}, 2) * 0.3, v = random_data({4, 8}, 3);
  const Function pooled = [=](const torch::Tensor& x) {
    return torch::linear(
        torch::adaptive_avg_pool2d(torch::relu(torch::conv2d(x, w)), {1, 1}).flatten(1), v);
  };
  ff::QuantizedModel dynamic =
      ff::autoquantize(ff::FloatModel(pooled), images(2), ff::presets::w8a8_per_token());
  ff::calibrate(dynamic, images(2));
  EXPECT_TRUE(torch::equal(in_integers(dynamic, images(2)), dynamic(images(2))));

  const torch::Tensor u = random_data({4, 4}, 4);
  const Function sliced = [=](const torch::Tensor& x) {
    return torch::linear(torch::relu(torch::conv2d(x, w)).slice(1, 2, 6).permute({0, 2, 3, 1}), u);
  };
  ff::QuantizationConfig config = ff::presets::w8a8();
  config.add_rule<ff::nn::LinearQuantizer>(
      "**/[qtag:activation]",
      ff::nn::LinearQuantizerOptions(8).symmetric(false).granularity(ff::PerChannel(1)));
  ff::QuantizedModel channels = ff::autoquantize(ff::FloatModel(sliced), images(2), config);
  ff::calibrate(channels, images(2));
  expect_near(in_integers(channels, images(2)), channels(images(2)));
}

TEST(IntegerModel, ListsTuplesAndDictionariesArePlain) {
  const torch::Tensor w = random_data({6, 6}, 2);
  bool returns_codes = false;
  const ff::FloatModel model([&](const torch::Tensor& x) -> c10::IValue {
    const torch::Tensor y = torch::linear(x, w), z = torch::linear(y, w);
    c10::Dict<std::string, torch::Tensor> dictionary;
    dictionary.insert("z", z);
    if (!returns_codes)
      return z;
    return c10::ivalue::Tuple::create({y, std::vector<torch::Tensor>{y}, dictionary});
  });
  ff::QuantizedModel quantized = ff::autoquantize(model, random_data({4, 6}, 1));
  ff::calibrate(quantized, random_data({4, 6}, 1));
  quantized->to_integer();
  returns_codes = true;
  const c10::IValue result = quantized->run({random_data({4, 6}, 1)});
  const auto& elements = result.toTupleRef().elements();
  EXPECT_FALSE(ff::is_quantized(elements[0].toTensor()));
  EXPECT_FALSE(ff::is_quantized(elements[1].toTensorVector()[0]));
  EXPECT_FALSE(ff::is_quantized(elements[2].toGenericDict().at("z").toTensor()));
}

TEST(IntegerModel, ThreadsShareAModel) {
  ff::QuantizedModel model = net();
  model->to_integer();
  const torch::Tensor expected = model(images(2));
  std::vector<torch::Tensor> results(4);
  std::vector<std::thread> threads;
  for (torch::Tensor& result : results)
    threads.emplace_back([&] { result = model(images(2)); });
  for (std::thread& thread : threads)
    thread.join();
  for (const torch::Tensor& result : results)
    EXPECT_TRUE(torch::equal(result, expected));
}

}  // namespace
