#include <torch/autograd.h>
#include <torch/types.h>

#include <fastforward/model/autoquantize.h>
#include <fastforward/model/calibrate.h>
#include <fastforward/nn/disable_quantization.h>
#include <fastforward/range_setting/min_error.h>

#include "compare.h"
#include "float_peer.h"
#include "networks/imagenet_crops.h"
#include "networks/sentences.h"
#include "questions.h"

namespace bench {
namespace {

namespace rs = ff::range_setting;
using networks::EfficientNetLite0;

// Runs without gradients.
template <typename Model, typename... Tensors>
at::Tensor run(Model& model, const Tensors&... inputs) {
  const at::NoGradGuard no_grad;
  return model(inputs...);
}

// With all quantizers off the quantized model is the float one, bit for bit.
template <typename Model, typename... Tensors>
void check_off(ff::QuantizedModel quantized, Model model, const Tensors&... inputs) {
  const ff::DisableQuantization off{ff::nn::ModuleRef(quantized)};
  expect_same("output with quantizers off", run(quantized, inputs...), run(model, inputs...));
}

at::Tensor crops(int64_t batch) {
  return networks::batches(networks::load_imagenet_crops().calibration, batch)[0];
}

ff::QuantizedModel calibrated(EfficientNetLite0& network, const at::Tensor& images,
                              const ff::AutoquantizeOptions& options = {}) {
  ff::QuantizedModel quantized = ff::autoquantize(network, images, ff::presets::w8a8(), options);
  ff::calibrate(quantized, images);
  return quantized;
}

Contest simulated(int64_t batch) {
  EfficientNetLite0 network = networks::load_efficientnet_lite0();
  const at::Tensor images = crops(batch);
  ff::QuantizedModel quantized = calibrated(network, images);
  return {{"QuantizedModel", [=]() mutable { run(quantized, images); }},
          Contestant{"float forward", [=]() mutable { run(network, images); }},
          std::nullopt,
          [=] { check_off(quantized, network, images); }};
}

Contest calibration(int64_t batch) {
  EfficientNetLite0 network = networks::load_efficientnet_lite0();
  const at::Tensor images = crops(batch);
  ff::QuantizedModel quantized = calibrated(network, images);
  return {{"calibrate", [=]() mutable { ff::calibrate(quantized, images); }},
          Contestant{"float forward", [=]() mutable { run(network, images); }},
          std::nullopt,
          [=] { check_off(quantized, network, images); }};
}

Contest search(int64_t batch) {
  Contest contest = calibration(batch);
  EfficientNetLite0 network = networks::load_efficientnet_lite0();
  const at::Tensor images = crops(batch);
  ff::QuantizedModel quantized = ff::autoquantize(network, images);
  contest.ours = {"calibrate, mse_grid", [=]() mutable {
                    ff::calibrate(quantized, images, {.estimator = rs::mse_grid()});
                  }};
  return contest;
}

Contest recording(int64_t batch) {
  Contest contest = calibration(batch);
  EfficientNetLite0 network = networks::load_efficientnet_lite0();
  const at::Tensor images = crops(batch);
  contest.ours = {"autoquantize", [=] { ff::autoquantize(network, images); }};
  return contest;
}

template <typename Model>
void train_step(Model& model, const at::Tensor& images) {
  for (at::Tensor& parameter : model->parameters())
    parameter.mutable_grad() = at::Tensor();
  model(images).square().mean().backward();
}

Contest training(int64_t batch) {
  EfficientNetLite0 network = networks::load_efficientnet_lite0();
  for (at::Tensor& parameter : network->parameters())
    parameter.set_requires_grad(true);
  const at::Tensor images = crops(batch);
  ff::QuantizedModel quantized = calibrated(network, images);
  return {{"QuantizedModel", [=]() mutable { train_step(quantized, images); }},
          Contestant{"float step", [=]() mutable { train_step(network, images); }},
          std::nullopt,
          [=] { check_off(quantized, network, images); }};
}

Contest minilm(int64_t batch) {
  constexpr int64_t kTokens = 64, kVocabulary = 30000;
  networks::SentenceEncoder encoder = networks::load_minilm();
  const at::Tensor ids = torch::arange(batch * kTokens).mul(7).remainder(kVocabulary);
  const at::Tensor tokens = ids.view({batch, kTokens}), mask = torch::ones_like(tokens);
  ff::QuantizedModel quantized = ff::autoquantize(encoder, ff::Inputs{tokens, mask});
  ff::calibrate(quantized, ff::Inputs{tokens, mask});
  return {{"QuantizedModel", [=]() mutable { run(quantized, tokens, mask); }},
          Contestant{"float forward", [=]() mutable { run(encoder, tokens, mask); }},
          std::nullopt,
          [=] { check_off(quantized, encoder, tokens, mask); }};
}

// What the mode costs for each operator: a thousand on one element, without a quantizer.
Contest dispatch() {
  const auto operators = [](const at::Tensor& x) {
    at::Tensor y = x;
    for (int i = 0; i < 1000; ++i)
      y = torch::softmax(y, 0);
    return y;
  };
  const at::Tensor x = torch::ones({1});
  ff::QuantizedModel quantized = ff::autoquantize(ff::FloatModel(operators), x);
  return {{"QuantizedModel", [=]() mutable { run(quantized, x); }},
          Contestant{"plain", [=]() mutable { run(operators, x); }},
          std::nullopt,
          [=] { check_off(quantized, operators, x); }};
}

}  // namespace

std::vector<Benchmark> model(const Sizes& sizes) {
  std::vector<Benchmark> all = {{"model/dispatch/1000", {}, [] { return dispatch(); }}};
  if (!has_networks("model/*"))
    return all;
  const int64_t batch = sizes.dram > Sizes::kUnit ? 8 : 1;
  const auto add = [&](const char* name, double most, Contest (*make)(int64_t)) {
    all.push_back({std::string("model/") + name, {1 / most, {}}, [=] { return make(batch); }});
  };
  add("efficientnet_lite0/simulated", 1.4, simulated);
  add("efficientnet_lite0/calibration", 1.2, calibration);
  add("efficientnet_lite0/recording", 3, recording);
  add("efficientnet_lite0/training_step", 1.4, training);
  add("minilm/simulated", 1.15, minilm);
  all.push_back({"model/efficientnet_lite0/mse_grid", {}, [=] { return search(batch); }});
  return all;
}

}  // namespace bench
