// Trains a network on Fashion-MNIST in float, quantizes it to 8, 4 and 2 bits, and repairs the loss
// by training.

#include <malloc.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "data.h"
#include "network.h"
#include "table.h"
#include "training.h"

namespace {

namespace fs = std::filesystem;
namespace rs = ff::range_setting;

struct Arguments {
  fs::path data = kFashionMnistFolder;
  fs::path json;
  fs::path cache;
  fs::path rules = FF_EXAMPLE_RULES;
  int epochs = 8;
  int quantized_epochs = 2;
  uint64_t seed = 1;
  int threads = 0;
  int64_t images = 60000;
  bool retrain = false;
};

fs::path default_cache() {
  const char *cache = std::getenv("FF_CACHE"), *home = std::getenv("HOME");
  return cache != nullptr  ? fs::path(cache)
         : home != nullptr ? fs::path(home) / ".cache" / "fastforward"
                           : fs::path(".");
}

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

// The float network, from the cache if it was trained before in the same way.
Network float_network(const Arguments& arguments, const fs::path& models, const FashionMnist& data,
                      Table& table) {
  torch::manual_seed(arguments.seed);
  Network network;
  const fs::path file = models / ("float-seed" + std::to_string(arguments.seed) + "-epochs" +
                                  std::to_string(arguments.epochs) + "-images" +
                                  std::to_string(data.train.labels.size(0)) + ".pt");
  const Stopwatch watch;
  if (fs::exists(file) && !arguments.retrain) {
    torch::load(network, file.string());
    std::cout << "float weights from " << file.string() << " (--retrain trains them again)\n";
  } else {
    train_float(network, data.train, {.title = "float", .epochs = arguments.epochs});
    ff::storage::write_file_atomically(file, [&](std::ostream& out) { torch::save(network, out); });
  }
  table.add("float", accuracy(network, data.test), watch.seconds());
  return network;
}

// Sets the ranges of all quantizers from the weights and 512 training images.
void calibrate(Network& network, const Dataset& data,
               const std::shared_ptr<rs::RangeEstimator>& estimator) {
  const torch::NoGradGuard no_grad;
  network->eval();
  const auto estimation = ff::estimate_ranges(network, estimator);
  for (const torch::Tensor& images : data.images.narrow(0, 0, 512).split(256)) {
    network(images);
  }
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

// A copy of the float network with quantizers as the rules say, their ranges set.
Network quantized(const Network& trained, const fs::path& rules, const Dataset& data,
                  const std::shared_ptr<rs::RangeEstimator>& estimator) {
  Network network(std::dynamic_pointer_cast<NetworkImpl>(trained->clone()));
  ff::load_quantization_config(rules).initialize(network);
  calibrate(network, data, estimator);
  return network;
}

// Saves the network and returns what is loaded into a fresh one, which must give the same scores,
// bit for bit.
Network saved_and_loaded(Network& network, const fs::path& folder, const Dataset& data) {
  ff::save_quantized_model(network, folder);
  Network loaded;
  ff::load_quantized_model(loaded, folder);
  TORCH_CHECK(torch::equal(scores(loaded, data), scores(network, data)),
              "the network loaded from '", folder.string(),
              "' gives other scores than the one that was saved");
  return loaded;
}

void run(const Arguments& arguments) {
  FashionMnist data = load_fashion_mnist(arguments.data);
  data.train.images = data.train.images.slice(0, 0, arguments.images);
  data.train.labels = data.train.labels.slice(0, 0, arguments.images);
  const fs::path models = arguments.cache / "models" / "fashion_mnist";
  fs::create_directories(models);
  Table table;
  const Network trained = float_network(arguments, models, data, table);

  const auto add = [&](const std::string& name, const Stopwatch& watch, Network& network) {
    const double seconds = watch.seconds();
    Network loaded = saved_and_loaded(network, models / lower(name), data.test);
    table.add(name, accuracy(loaded, data.test), seconds);
  };
  const auto quantize = [&](const std::string& bits, const std::string& method) {
    const Stopwatch watch;
    Network network = quantized(trained, arguments.rules / (lower(bits) + ".json"), data.train,
                                method == "min-max" ? min_max() : mse_grid());
    add(bits + " " + method, watch, network);
    return network;
  };
  quantize("W8A8", "min-max");
  quantize("W4A8", "min-max");
  quantize("W4A8", "mse_grid");
  Network w4a4 = quantize("W4A4", "mse_grid");
  Network w2a4 = quantize("W2A4", "mse_grid");

  const auto repair = [&](const std::string& bits, Network& network) {
    const Stopwatch watch;
    torch::manual_seed(arguments.seed);
    train_quantized(network, data.train,
                    {.title = bits,
                     .epochs = arguments.quantized_epochs,
                     .learning_rate = 1e-3,
                     .quantizer_learning_rate = 1e-4});
    add(bits + " trained", watch, network);
  };
  repair("W4A4", w4a4);
  repair("W2A4", w2a4);

  std::cout << "\n" << table << "\nThe networks are in " << models.string() << "\n";
  if (!arguments.json.empty()) {
    ff::storage::write_file_atomically(arguments.json,
                                       [&](std::ostream& out) { out << table.json(); });
  }
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  arguments.cache = default_cache();
  CLI::App app("Fashion-MNIST: train, quantize, repair");
  app.add_option("--epochs", arguments.epochs, "epochs of the float training")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--quantized-epochs", arguments.quantized_epochs,
                 "epochs of each training with quantizers")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--images", arguments.images, "how many training images are used")
      ->check(CLI::Range(512, 60000))
      ->capture_default_str();
  app.add_option("--seed", arguments.seed, "of weights and batches")->capture_default_str();
  app.add_option("--threads", arguments.threads, "0: LibTorch's choice")->capture_default_str();
  app.add_option("--data", arguments.data, "folder of the four IDX files")->capture_default_str();
  app.add_option("--cache", arguments.cache, "folder whose models/fashion_mnist gets the networks")
      ->capture_default_str();
  app.add_option("--rules", arguments.rules, "folder of w8a8.json, w4a8.json, w4a4.json, w2a4.json")
      ->capture_default_str();
  app.add_option("--json", arguments.json, "write the table to this file as well");
  app.add_flag("--retrain", arguments.retrain,
               "train the float network even if it is in the cache");
  CLI11_PARSE(app, argc, argv);
  keep_memory();
  if (arguments.threads > 0) {
    torch::set_num_threads(arguments.threads);
  }
  try {
    run(arguments);
  } catch (const c10::Error& error) {
    std::cerr << "fashion_mnist: " << error.msg() << "\n";
    return 1;
  } catch (const std::exception& error) {
    std::cerr << "fashion_mnist: " << error.what() << "\n";
    return 1;
  }
  return 0;
}
