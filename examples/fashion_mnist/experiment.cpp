#include "experiment.h"

#include <malloc.h>
#include <torch/torch.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <iostream>

#include <fastforward/fastforward.h>

#include "float_weights.h"
#include "training.h"

namespace fashion_mnist {
namespace {

namespace fs = std::filesystem;
namespace rs = ff::range_setting;

// Large tensors come from memory that is kept, not from fresh pages at each operator: a third of
// the time.
void keep_memory() {
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) {
    return c == ' ' ? '-' : static_cast<char>(std::tolower(c));
  });
  return text;
}

std::shared_ptr<rs::RangeEstimator> min_max() {
  return rs::running_minmax({.disable_quantization = true});
}

// Weights are about 0.1: without the default margin of 0.5 all candidates lie where they are
// needed.
std::shared_ptr<rs::RangeEstimator> mse_grid() {
  return rs::mse_grid(
      {.search_grid_generator = rs::uniform_search_grid(0.0, 1.0), .disable_quantization = true});
}

}  // namespace

std::string Quantization::bits() const {
  return "W" + std::to_string(weight_bits) + "A" + std::to_string(activation_bits);
}

void Experiment::add_options(CLI::App&) {}

// Data, the float network, and 512 training images for ranges.
void Experiment::prepare() {
  data_ = load_fashion_mnist(arguments_.data);
  data_.train.images = data_.train.images.slice(0, 0, arguments_.images);
  data_.train.labels = data_.train.labels.slice(0, 0, arguments_.images);
  calibration_ = data_.train.images.narrow(0, 0, 512).split(256);
  folder_ = arguments_.cache / "models" / name_;
  fs::create_directories(folder_);

  torch::manual_seed(arguments_.seed);
  trained_ = make_float();
  const Stopwatch watch;
  train_or_load(trained_, data_.train, arguments_);
  table_.add("float", accuracy(trained_, data_.test), watch.seconds());
  trained_->eval();
}

// Saves the network, and measures what is loaded, which must give the same scores, bit for bit.
void Experiment::add_row(const std::string& name, double seconds, const Classifier& network,
                         const Quantization& how) {
  const fs::path folder = folder_ / lower(name);
  ff::save_quantized_model(network.module(), folder);
  const Classifier loaded = load(folder, how);
  TORCH_CHECK(torch::equal(scores(loaded, data_.test), scores(network, data_.test)),
              "the network loaded from '", folder.string(),
              "' gives other scores than the one that was saved");
  table_.add(name, accuracy(loaded, data_.test), seconds);
}

void Experiment::add_quantized(const Quantization& how, const std::string& method) {
  const Stopwatch watch;
  const Classifier network = quantize(trained_, how, calibration_);
  add_row(how.bits() + " " + method, watch.seconds(), network, how);
  if (how.weight_bits == 8 && how.activation_bits == 8)
    add_integers(how.bits() + " integers", network);
}

// The same network on int8 codes.
void Experiment::add_integers(const std::string& name, const Classifier& network) {
  const Stopwatch watch;
  const ff::IntegerGuard integers;
  const double reached = accuracy(network, data_.test);
  table_.add(name, reached, watch.seconds());
}

void Experiment::add_trained(Quantization how) {
  how.is_trained = true;
  const Classifier network = quantize(trained_, how, calibration_);
  const Stopwatch watch;
  torch::manual_seed(arguments_.seed);
  train_quantized(network, data_.train,
                  {.title = how.bits(),
                   .epochs = arguments_.quantized_epochs,
                   .learning_rate = 1e-3,
                   .quantizer_learning_rate = 1e-4});
  add_row(how.bits() + " trained", watch.seconds(), network, how);
}

void Experiment::run() {
  prepare();
  add_quantized({8, 8, min_max()}, "min-max");
  add_quantized({4, 8, min_max()}, "min-max");
  add_quantized({4, 8, mse_grid()}, "mse_grid");
  add_quantized({4, 4, mse_grid()}, "mse_grid");
  add_quantized({2, 4, mse_grid()}, "mse_grid");
  add_trained({4, 4, mse_grid()});
  add_trained({2, 4, mse_grid()});

  std::cout << "\n" << table_ << "\nThe networks are in " << folder_.string() << "\n";
  if (!arguments_.json.empty()) {
    ff::storage::write_file_atomically(arguments_.json,
                                       [&](std::ostream& out) { out << table_.json(); });
  }
}

int Experiment::main(int argc, char** argv) {
  CLI::App app(description_);
  arguments_.add_to(app, name_);
  add_options(app);
  CLI11_PARSE(app, argc, argv);
  keep_memory();
  if (arguments_.threads > 0) {
    torch::set_num_threads(arguments_.threads);
  }
  try {
    run();
  } catch (const c10::Error& error) {
    std::cerr << name_ << ": " << error.msg() << "\n";
    return 1;
  } catch (const std::exception& error) {
    std::cerr << name_ << ": " << error.what() << "\n";
    return 1;
  }
  return 0;
}

}  // namespace fashion_mnist
