#include <torch/script.h>
#include <torch/types.h>

#include <fastforward/model/autoquantize.h>
#include <fastforward/model/calibrate.h>
#include <fastforward/model/fold_batch_norms.h>
#include <fastforward/model/sensitivity.h>

#include "03_autoquant_fashion_mnist/network.h"
#include "compare.h"
#include "float_peer.h"
#include "networks/imagenet_crops.h"
#include "networks/sentences.h"
#include "peak_memory.h"
#include "questions.h"

// Whole models in integers against LibTorch's float forward.
namespace bench {
namespace {

using Forward = std::function<at::Tensor()>;

// Ours are the packed weights and what stays in the pool of codes after the first run, and what
// the next run needs beside it. The float model that the weights were made of is not counted.
PeakMemory peak_memory(const Forward& ours, const Forward& plain, const ff::QuantizedModel& model) {
  const at::NoGradGuard no_grad;
  at::set_num_threads(1);
  int64_t weights = 0;
  for (const auto& tensor : model->float_model().source().tensors())
    weights += static_cast<int64_t>(tensor.tensor.nbytes());
  const int64_t kept = memory_use(ours).kept;
  plain();
  return {kept + memory_use(ours).peak, weights + memory_use(plain).peak};
}

// A calibrated model in integers; its simulation must give nearly the same.
Contest against(const std::string& name, const Forward& plain, ff::QuantizedModel model,
                const ff::Inputs& inputs) {
  model->to_integer(false);  // gives the pool's memory back
  model->to_integer();
  const Forward run = [=]() mutable { return model->run(inputs).toTensor(); };
  const PeakMemory memory = peak_memory(run, plain, model);
  const auto check = [=]() mutable {
    const at::NoGradGuard no_grad;
    const at::Tensor integer = run();
    model->to_integer(false);
    const at::Tensor simulated = model->run(inputs).toTensor();
    model->to_integer();
    constexpr double kLeast = 15;  // decibels; what quantizing costs is as much
    if (!(ff::sqnr({integer}, {simulated}) > kLeast))
      throw WrongAnswer(name + ": integers and simulation differ by " +
                        std::to_string(ff::sqnr({integer}, {simulated})) + " dB");
  };
  return {{"integers",
           [=]() mutable {
             const at::NoGradGuard no_grad;
             run();
           }},
          float_peer(plain),
          std::nullopt,
          check,
          memory};
}

at::Tensor crops(int64_t batch) {
  return networks::batches(networks::load_imagenet_crops().calibration, batch)[0];
}

// Convolutions want their weights as their inputs lie.
template <typename Parameters>
void to_channels_last(const Parameters& parameters) {
  for (const at::Tensor& parameter : parameters) {
    if (parameter.dim() == 4)
      parameter.set_data(parameter.contiguous(at::MemoryFormat::ChannelsLast));
  }
}

Forward module_forward(const at::Tensor& images, bool channels_last) {
  networks::EfficientNetLite0 network = networks::load_efficientnet_lite0();
  ff::fold_batch_norms(network, images);
  if (channels_last)
    to_channels_last(network->parameters());
  const at::Tensor input =
      channels_last ? images.contiguous(at::MemoryFormat::ChannelsLast) : images;
  return [=]() mutable { return network(input); };
}

torch::jit::Module traced() {
  torch::jit::Module module = torch::jit::load(networks::traced_efficientnet_lite0(false).string());
  module.eval();
  return module;
}

Forward script_forward(const at::Tensor& images, bool channels_last) {
  torch::jit::Module module = torch::jit::freeze(traced());  // folds batch norms
  const at::Tensor input =
      channels_last ? images.contiguous(at::MemoryFormat::ChannelsLast) : images;
  return [=]() mutable { return module.forward({input}).toTensor(); };
}

Contest efficientnet(int64_t batch, bool script) {
  const at::Tensor images = crops(batch);
  const auto forward = script ? script_forward : module_forward;
  const Forward plain = fastest({forward(images, false), forward(images, true)});
  const ff::FloatModel model =
      script ? ff::FloatModel(traced()) : ff::FloatModel(networks::load_efficientnet_lite0());
  ff::QuantizedModel quantized = ff::autoquantize(model, images);
  ff::calibrate(quantized, images);
  return against("efficientnet_lite0", plain, quantized, {images});
}

Contest minilm(int64_t batch) {
  constexpr int64_t kTokens = 64, kVocabulary = 30000;
  networks::SentenceEncoder encoder = networks::load_minilm();
  const at::Tensor ids = torch::arange(batch * kTokens).mul(7).remainder(kVocabulary);
  const at::Tensor tokens = ids.view({batch, kTokens}), mask = torch::ones_like(tokens);
  ff::QuantizedModel quantized = ff::autoquantize(encoder, ff::Inputs{tokens, mask});
  ff::calibrate(quantized, ff::Inputs{tokens, mask});
  return against("minilm", [=]() mutable { return encoder(tokens, mask); }, quantized,
                 {tokens, mask});
}

Contest fashion_mnist(int64_t batch) {
  constexpr int64_t kSize = 28;
  const at::Tensor images = torch::randn({batch, 1, kSize, kSize});
  const auto forward = [=](bool channels_last) -> Forward {
    torch::manual_seed(0);
    Network network;
    network->eval();
    ff::fold_batch_norms(network, images);
    if (channels_last)
      to_channels_last(network->parameters());
    return [=]() mutable { return network(images); };
  };
  torch::manual_seed(0);
  Network network;
  network->eval();
  ff::QuantizedModel quantized = ff::autoquantize(network, images);
  ff::calibrate(quantized, images);
  return against("fashion_mnist", fastest({forward(false), forward(true)}), quantized, {images});
}

}  // namespace

std::vector<Benchmark> integer_model(const Sizes& sizes) {
  const bool is_small = sizes.dram <= Sizes::kUnit;
  std::vector<Benchmark> all = {
      {"integer/fashion_mnist/batch64", {2, {}}, [=] { return fashion_mnist(is_small ? 2 : 64); }}};
  if (!has_networks("integer/* on models"))
    return all;
  for (const bool script : {false, true}) {
    const std::string name =
        script ? "integer/efficientnet_lite0/script_" : "integer/efficientnet_lite0/";
    all.push_back({name + "batch1", {4, {}}, [=] { return efficientnet(1, script); }});
    if (!is_small)
      all.push_back({name + "batch8", {7, {}}, [=] { return efficientnet(8, script); }});
  }
  all.push_back({"integer/minilm/8x64", {4, {}}, [=] { return minilm(is_small ? 1 : 8); }});
  return all;
}

}  // namespace bench
