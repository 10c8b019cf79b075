#include <torch/torch.h>

#include <vector>

#include "fastforward/model/autoquantize.h"
#include "fastforward/model/calibrate.h"
#include "fastforward/nn/linear_quantizer.h"
#include "fastforward/nn/named_quantizers.h"
#include "property/each_network.h"
#include "property/random_network.h"

// Random networks in integers and simulated.
namespace {

using ff::test::for_each_network;
using ff::test::Network;
using ff::test::outputs_of;
using Tensors = std::vector<torch::Tensor>;

// Scales that are powers of two, and biases of a few bits: float32 holds all sums of the simulation
// exactly, so that integers have no other last bit.
void make_exact(const Network& network) {
  constexpr double kSteps = 64;
  for (const ff::test::NetworkParameter& parameter : network.parameters) {
    torch::Tensor values = parameter.tensor.detach();
    values.mul_(kSteps).round_().div_(kSteps);
  }
}

void make_exact(ff::QuantizedModel& model) {
  for (const auto& [path, quantizer] : ff::nn::named_quantizers(model)) {
    auto* linear = dynamic_cast<ff::nn::LinearQuantizerImpl*>(quantizer.get());
    ASSERT_NE(linear, nullptr) << path;
    linear->scale.copy_(linear->scale.log2().ceil().exp2());
  }
}

// The scales of values that nobody quantizes are rounded once more; a code that differs is seen.
void expect_near(const Tensors& integer, const Tensors& simulated) {
  constexpr double kRounding = 1e-5;
  ASSERT_EQ(integer.size(), simulated.size());
  for (size_t i = 0; i < integer.size(); ++i) {
    ASSERT_EQ(integer[i].sizes(), simulated[i].sizes()) << "output " << i;
    EXPECT_TRUE(torch::allclose(integer[i], simulated[i], kRounding, kRounding))
        << "output " << i << ", apart " << integer[i].sub(simulated[i]).abs().max().item<double>()
        << " of " << simulated[i].abs().max().item<double>() << ", in "
        << integer[i].sub(simulated[i]).abs().gt(kRounding).sum().item<int64_t>() << " of "
        << integer[i].numel() << " elements";
  }
}

TEST(IntegerProperty, RandomNetworksGiveWhatTheSimulationGives) {
  for_each_network([&](const Network& network, uint64_t seed) {
    const at::NoGradGuard no_grad;
    make_exact(network);
    for (const bool script : {false, true}) {
      SCOPED_TRACE(script ? "TorchScript" : "torch::nn");
      ff::QuantizedModel model =
          ff::autoquantize(script ? script_model(network) : nn_model(network), network.batch(seed));
      ff::calibrate(model, std::vector<ff::Inputs>{network.batch(seed + 1)});
      make_exact(model);
      for (const bool training : {false, true}) {
        model->train(training);
        model->to_integer(false);
        const Tensors simulated = outputs_of(model->run(network.batch(seed + 3, 3)));
        model->to_integer();
        expect_near(outputs_of(model->run(network.batch(seed + 3, 3))), simulated);
      }
    }
  });
}

}  // namespace
