#include "fastforward/model/autoquantize.h"

#include <torch/torch.h>

#include <optional>
#include <vector>

#include "fastforward/model/calibrate.h"
#include "fastforward/nn/disable_quantization.h"
#include "property/each_network.h"
#include "property/quantized_interpreter.h"
#include "property/random_network.h"
#include "support/tensors.h"

namespace {

using ff::test::for_each_network;
using ff::test::kNetworks;
using ff::test::Network;
using ff::test::outputs_of;
using ff::test::same;
using Tensors = std::vector<torch::Tensor>;

void expect_same(const Tensors& got, const Tensors& expected) {
  ASSERT_EQ(got.size(), expected.size());
  for (size_t i = 0; i < got.size(); ++i)
    EXPECT_TRUE(same(got[i], expected[i])) << "tensor " << i;
}

// Gradients of a sum of all outputs; nothing if autograd cannot do that, as after some writes.
std::optional<Tensors> gradients(const Tensors& outputs, const Tensors& parameters) {
  torch::Tensor sum = torch::zeros({});
  uint64_t seed = 1;
  try {
    for (const torch::Tensor& output : outputs)
      sum = sum + (output * ff::test::random_data(output.sizes(), seed++)).sum();
    return torch::autograd::grad({sum}, parameters, {}, {}, false, /*allow_unused=*/true);
  } catch (const c10::Error&) {
    return std::nullopt;
  }
}

ff::QuantizedModel calibrated(const ff::FloatModel& model, const Network& network, uint64_t seed) {
  ff::QuantizedModel quantized = ff::autoquantize(model, network.batch(seed));
  quantized->eval();
  ff::calibrate(quantized,
                std::vector<ff::Inputs>{network.batch(seed + 1), network.batch(seed + 2)});
  return quantized;
}

TEST(AutoquantizeProperty, RandomNetworksThatAreOffGiveTheFloatOutputsAndGradients) {
  int with_gradients = 0;
  for_each_network([&](const Network& network, uint64_t seed) {
    for (const bool script : {false, true}) {
      SCOPED_TRACE(script ? "TorchScript" : "torch::nn");
      const ff::FloatModel model = script ? script_model(network) : nn_model(network);
      ff::QuantizedModel quantized = ff::autoquantize(model, network.batch(seed));
      const ff::DisableQuantization off(quantized);
      Tensors expected, got;
      {
        const at::NoGradGuard no_grad;
        expected = outputs_of(model.forward(network.batch(seed + 1, 3)));
        got = outputs_of(quantized->run(network.batch(seed + 1, 3)));
        expect_same(got, expected);
      }
      try {
        expected = outputs_of(model.forward(network.batch(seed + 2)));
      } catch (const std::exception&) {
        continue;  // a view of several is written to, which autograd does not take
      }
      got = outputs_of(quantized->run(network.batch(seed + 2)));
      expect_same(got, expected);
      const auto expected_gradients = gradients(expected, network.trainable());
      if (!expected_gradients.has_value())
        continue;
      const auto got_gradients = gradients(got, network.trainable());
      ASSERT_TRUE(got_gradients.has_value());
      expect_same(*got_gradients, *expected_gradients);
      ++with_gradients;
    }
  });
  EXPECT_GE(with_gradients, kNetworks);
}

TEST(AutoquantizeProperty, RandomNetworksEqualTheInterpreter) {
  for_each_network([](const Network& network, uint64_t seed) {
    const at::NoGradGuard no_grad;
    ff::test::QuantizedInterpreter interpreter(network);
    interpreter.calibrate(network.batch(seed + 1));
    interpreter.calibrate(network.batch(seed + 2));
    const Tensors expected = interpreter.forward(network.batch(seed + 3, 3));
    for (const bool script : {false, true}) {
      SCOPED_TRACE(script ? "TorchScript" : "torch::nn");
      ff::QuantizedModel quantized =
          calibrated(script ? script_model(network) : nn_model(network), network, seed);
      expect_same(outputs_of(quantized->run(network.batch(seed + 3, 3))), expected);
      EXPECT_TRUE(quantized->coverage().unseen.empty());
    }
  });
}

// Sums of gradients may come in another order.
void expect_near(const Tensors& got, const Tensors& expected) {
  for (size_t i = 0; i < got.size(); ++i) {
    ASSERT_EQ(got[i].defined(), expected[i].defined()) << "parameter " << i;
    if (!got[i].defined())
      continue;
    const double largest = expected[i].abs().max().item<double>();
    EXPECT_TRUE(torch::allclose(got[i], expected[i], 0, 5e-5 * largest)) << "parameter " << i;
  }
}

// True if the float network can be trained: writes must not change what a gradient needs.
bool has_gradients(const ff::FloatModel& model, const Network& network, uint64_t seed) {
  try {
    const Tensors outputs = outputs_of(model.forward(network.batch(seed)));
    return gradients(outputs, network.trainable()).has_value();
  } catch (const std::exception&) {
    return false;
  }
}

TEST(AutoquantizeProperty, RandomNetworksThatCanBeTrainedStillCan) {
  for_each_network([&](const Network& network, uint64_t seed) {
    const ff::FloatModel model = nn_model(network);
    if (!has_gradients(model, network, seed + 3))
      return;
    ff::QuantizedModel quantized = calibrated(model, network, seed);
    quantized->train();
    const Tensors outputs = outputs_of(quantized->run(network.batch(seed + 3)));
    EXPECT_TRUE(gradients(outputs, network.trainable()).has_value());
  });
}

TEST(AutoquantizeProperty, GradientsOfRandomNetworksEqualThoseOfTheInterpreter) {
  int compared = 0;
  for_each_network([&](const Network& network, uint64_t seed) {
    ff::test::QuantizedInterpreter interpreter(network);
    interpreter.calibrate(network.batch(seed + 1));
    interpreter.calibrate(network.batch(seed + 2));
    std::optional<Tensors> expected;
    try {
      expected = gradients(interpreter.forward(network.batch(seed + 3)), network.trainable());
    } catch (const std::exception&) {
      return;
    }
    if (!expected.has_value())
      return;
    ff::QuantizedModel quantized = calibrated(nn_model(network), network, seed);
    quantized->train();
    const auto got =
        gradients(outputs_of(quantized->run(network.batch(seed + 3))), network.trainable());
    ASSERT_TRUE(got.has_value());
    expect_near(*got, *expected);
    ++compared;
  });
  EXPECT_GE(compared, kNetworks / 2);
}

}  // namespace
