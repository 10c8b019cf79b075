// Trains a network on Fashion-MNIST in float, quantizes it to 8, 4 and 2 bits, and repairs the loss
// by training. The network is written with the layers of FastForward, and rules in JSON files fill
// their places with quantizers.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>

#include "fashion_mnist/experiment.h"
#include "fashion_mnist/float_weights.h"
#include "network.h"

namespace {

namespace fs = std::filesystem;
using fashion_mnist::Classifier;
using fashion_mnist::Quantization;

class LayersExperiment : public fashion_mnist::Experiment {
 public:
  LayersExperiment() : Experiment("fashion_mnist", "Fashion-MNIST: train, quantize, repair") {}

 protected:
  void add_options(CLI::App& app) override {
    app.add_option("--rules", rules_, "folder of w8a8.json, w4a8.json, w4a4.json, w2a4.json")
        ->capture_default_str();
  }

  Classifier make_float() override {
    return Network();
  }

  // A copy of the float network with quantizers as the rules say, their ranges set.
  Classifier quantize(const Classifier& trained, const Quantization& how,
                      const std::vector<torch::Tensor>& batches) override {
    Network network;
    fashion_mnist::copy_weights(trained, network);
    ff::load_quantization_config(rules_file(how)).initialize(network);
    const torch::NoGradGuard no_grad;
    network->eval();
    const auto estimation = ff::estimate_ranges(network, how.estimator);
    for (const torch::Tensor& images : batches) {
      network(images);
    }
    return network;
  }

  // The file says which quantizers there are.
  Classifier load(const fs::path& folder, const Quantization&) override {
    Network network;
    ff::load_quantized_model(network, folder);
    return network;
  }

 private:
  fs::path rules_file(const Quantization& how) const {
    std::string name = how.bits();
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return rules_ / (name + ".json");
  }

  fs::path rules_ = FF_EXAMPLE_RULES;
};

}  // namespace

int main(int argc, char** argv) {
  return LayersExperiment().main(argc, argv);
}
