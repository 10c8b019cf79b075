#pragma once

#include <torch/types.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <fastforward/range_setting/estimator.h>

#include "fashion_mnist/arguments.h"
#include "fashion_mnist/classifier.h"
#include "fashion_mnist/data.h"
#include "fashion_mnist/table.h"

namespace CLI {
class App;
}

namespace fashion_mnist {

/// How a network is quantized.
struct Quantization {
  /// Bits of the weights.
  int64_t weight_bits;
  /// Bits of what flows between layers; the images have 8.
  int64_t activation_bits;
  /// Sets the ranges of all quantizers.
  std::shared_ptr<ff::range_setting::RangeEstimator> estimator;
  /// True if it is trained then.
  bool is_trained = false;

  /// "W4A8".
  std::string bits() const;
};

/// The experiment of the Fashion-MNIST examples: train in float, quantize to 8, 4 and 2 bits,
/// repair the loss by training, print what each step costs. Each example says how its network is
/// quantized and loaded.
class Experiment {
 public:
  /// `name` is that of the program and of its folder in the cache.
  Experiment(std::string name, std::string description)
      : name_(std::move(name)), description_(std::move(description)) {}
  virtual ~Experiment() = default;
  Experiment(const Experiment&) = delete;
  Experiment& operator=(const Experiment&) = delete;

  /// The program: reads the command line, runs the experiment, and returns the exit status.
  int main(int argc, char** argv);

 protected:
  /// Adds options of the example's own.
  virtual void add_options(CLI::App& app);
  /// Returns a fresh float network. Its tensors have the same names and shapes in all examples.
  virtual Classifier make_float() = 0;
  /// Returns a quantized copy of `trained`, which make_float() made, with ranges from batches of
  /// images.
  virtual Classifier quantize(const Classifier& trained, const Quantization& how,
                              const std::vector<torch::Tensor>& batches) = 0;
  /// Returns what ff::save_quantized_model wrote of a network that was quantized so.
  virtual Classifier load(const std::filesystem::path& folder, const Quantization& how) = 0;

 private:
  void run();
  void prepare();
  void add_quantized(const Quantization& how, const std::string& method);
  void add_trained(Quantization how);
  void add_integers(const std::string& name, const Classifier& network);
  void add_row(const std::string& name, double seconds, const Classifier& network,
               const Quantization& how);

  std::string name_, description_;
  Arguments arguments_;
  std::filesystem::path folder_;
  FashionMnist data_;
  std::vector<torch::Tensor> calibration_;
  Classifier trained_;
  Table table_;
};

}  // namespace fashion_mnist
