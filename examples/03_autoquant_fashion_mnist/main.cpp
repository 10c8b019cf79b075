// The experiment of example 02 with a network that knows nothing of quantizers: ff::autoquantize
// sees its operators and finds the places.

#include "fashion_mnist/experiment.h"
#include "fashion_mnist/float_weights.h"
#include "network.h"

#include <fastforward/fastforward.h>

namespace {

namespace fs = std::filesystem;
using fashion_mnist::Classifier;
using fashion_mnist::Quantization;

ff::nn::LinearQuantizerOptions activations(int64_t bits) {
  return ff::nn::LinearQuantizerOptions(bits).symmetric(false);
}

// The grids of example 02.
ff::QuantizationConfig rules(const Quantization& how) {
  ff::QuantizationConfig config;
  config
      .add_rule<ff::nn::LinearQuantizer>("**/[qtag:parameter/weight]",
                                         ff::nn::LinearQuantizerOptions(how.weight_bits)
                                             .allow_one_sided(false)
                                             .granularity(ff::PerChannel(0)))
      .estimate_with(how.estimator);
  config
      .add_rule<ff::nn::LinearQuantizer>("**/[qtag:activation/output]",
                                         activations(how.activation_bits))
      .estimate_with(how.estimator);
  config.add_rule<ff::nn::LinearQuantizer>("inputs/**", activations(8))
      .estimate_with(how.estimator);
  return config;
}

// A folded batch norm keeps its statistics while the network is trained, which cost 1 to 3
// points; so those that are trained fold none.
ff::AutoquantizeOptions options(const Quantization& how) {
  return ff::AutoquantizeOptions().fold_batch_norms(!how.is_trained);
}

class AutoquantExperiment : public fashion_mnist::Experiment {
 public:
  AutoquantExperiment()
      : Experiment("autoquant_fashion_mnist",
                   "Fashion-MNIST: train, quantize without touching the network, repair") {}

 protected:
  Classifier make_float() override {
    return Network();
  }

  // The quantized network shares its weights with the float one, so that gets a copy of its own.
  Classifier quantize(const Classifier& trained, const Quantization& how,
                      const std::vector<torch::Tensor>& batches) override {
    Network network;
    fashion_mnist::copy_weights(trained, network);
    ff::QuantizedModel quantized = ff::autoquantize(network, batches[0], rules(how), options(how));
    ff::calibrate(quantized, batches);
    return quantized;
  }

  // Without rules there are only places; the file says which quantizers are in them.
  Classifier load(const fs::path& folder, const Quantization& how) override {
    ff::QuantizedModel quantized = ff::autoquantize(Network(), torch::zeros({1, 1, 28, 28}),
                                                    ff::QuantizationConfig(), options(how));
    ff::load_quantized_model(quantized, folder);
    return quantized;
  }
};

}  // namespace

int main(int argc, char** argv) {
  return AutoquantExperiment().main(argc, argv);
}
