#include "training.h"

#include <torch/torch.h>

#include <cmath>
#include <memory>
#include <numbers>
#include <unordered_set>

#include <fastforward/nn/named_quantizers.h>

#include "progress.h"

namespace fashion_mnist {
namespace {

using Optimizer = torch::optim::Optimizer;

// From 1/25 up to 1 in the first quarter, then down to 0, along cosines.
double one_cycle(double progress) {
  constexpr double kWarm = 0.25;
  if (progress < kWarm) {
    return 0.04 + 0.96 * (1 - std::cos(std::numbers::pi * progress / kWarm)) / 2;
  }
  return (1 + std::cos(std::numbers::pi * (progress - kWarm) / (1 - kWarm))) / 2 + 1e-4;
}

torch::Tensor mirror_half(const torch::Tensor& images) {
  return torch::where(torch::rand({images.size(0), 1, 1, 1}) < 0.5, images, images.flip(3));
}

// Runs the steps of a training; `highest` are the learning rates of the optimizer's groups.
void run(const Classifier& network, const Dataset& data, const TrainingOptions& options,
         Optimizer& optimizer, const std::vector<double>& highest) {
  const int64_t count = data.images.size(0), steps = count / options.batch;
  Progress progress(options.title, options.epochs, steps * options.batch);
  network->train();
  torch::Tensor order;
  for (int64_t step = 0; step < steps * options.epochs; ++step) {
    if (step % steps == 0) {
      order = torch::randperm(count);
    }
    const double factor = one_cycle(static_cast<double>(step) / (steps * options.epochs));
    for (size_t i = 0; i < highest.size(); ++i) {
      optimizer.param_groups()[i].options().set_lr(highest[i] * factor);
    }
    const torch::Tensor index = order.narrow(0, step % steps * options.batch, options.batch);
    const torch::Tensor images = mirror_half(data.images.index_select(0, index));
    const torch::Tensor loss =
        torch::cross_entropy_loss(network(images), data.labels.index_select(0, index));
    optimizer.zero_grad();
    loss.backward();
    optimizer.step();
    progress.advance(options.batch, loss.item<double>());
  }
  network->eval();
}

struct Parameters {
  std::vector<torch::Tensor> weights, others, quantizers;
};

Parameters sort_parameters(const Classifier& network) {
  std::unordered_set<const c10::TensorImpl*> of_quantizers;
  for (const auto& [name, quantizer] : ff::nn::named_quantizers(network.module())) {
    for (const torch::Tensor& parameter : quantizer->parameters()) {
      of_quantizers.insert(parameter.unsafeGetTensorImpl());
    }
  }
  Parameters sorted;
  for (const torch::Tensor& parameter : network->parameters()) {
    auto& group = of_quantizers.contains(parameter.unsafeGetTensorImpl()) ? sorted.quantizers
                  : parameter.dim() > 1                                   ? sorted.weights
                                                                          : sorted.others;
    group.push_back(parameter);
  }
  return sorted;
}

}  // namespace

void train_float(const Classifier& network, const Dataset& data, const TrainingOptions& options) {
  const Parameters parameters = sort_parameters(network);
  const auto sgd = torch::optim::SGDOptions(options.learning_rate).momentum(0.9).nesterov(true);
  auto decayed = sgd;
  std::vector<torch::optim::OptimizerParamGroup> groups;
  groups.emplace_back(parameters.weights,
                      std::make_unique<torch::optim::SGDOptions>(decayed.weight_decay(5e-4)));
  groups.emplace_back(parameters.others, std::make_unique<torch::optim::SGDOptions>(sgd));
  torch::optim::SGD optimizer(groups, sgd);
  run(network, data, options, optimizer, {options.learning_rate, options.learning_rate});
}

void train_quantized(const Classifier& network, const Dataset& data,
                     const TrainingOptions& options) {
  Parameters parameters = sort_parameters(network);
  parameters.weights.insert(parameters.weights.end(), parameters.others.begin(),
                            parameters.others.end());
  std::vector<torch::optim::OptimizerParamGroup> groups;
  groups.emplace_back(parameters.weights);
  groups.emplace_back(parameters.quantizers);
  torch::optim::Adam optimizer(groups, torch::optim::AdamOptions(options.learning_rate));
  run(network, data, options, optimizer, {options.learning_rate, options.quantizer_learning_rate});
}

torch::Tensor scores(const Classifier& network, const Dataset& data) {
  constexpr int64_t kBatch = 500;
  const torch::NoGradGuard no_grad;
  network->eval();
  std::vector<torch::Tensor> batches;
  for (const torch::Tensor& images : data.images.split(kBatch)) {
    batches.push_back(network(images));
  }
  return torch::cat(batches);
}

double accuracy(const Classifier& network, const Dataset& data) {
  return 100.0 *
         scores(network, data).argmax(1).eq(data.labels).to(torch::kDouble).mean().item<double>();
}

}  // namespace fashion_mnist
