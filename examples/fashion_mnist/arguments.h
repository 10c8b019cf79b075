#pragma once

#include <cstdint>
#include <filesystem>

#include "fashion_mnist/data.h"

namespace CLI {
class App;
}

namespace fashion_mnist {

/// What the examples' command lines say.
struct Arguments {
  /// Folder of the four IDX files.
  std::filesystem::path data = kFashionMnistFolder;
  /// File that gets the table, empty for none.
  std::filesystem::path json;
  /// Folder whose models/ gets the networks.
  std::filesystem::path cache;
  /// Epochs of the float training.
  int epochs = 8;
  /// Epochs of each training with quantizers.
  int quantized_epochs = 2;
  /// Seed of weights and batches.
  uint64_t seed = 1;
  /// Threads of LibTorch, 0 for its own choice.
  int threads = 0;
  /// How many training images are used.
  int64_t images = 60000;
  /// True: float weights in the cache do not count.
  bool retrain = false;

  /// Takes `cache` from the environment, as the scripts do.
  Arguments();
  /// Adds an option for each; `name` is that of the folder in models/.
  void add_to(CLI::App& app, const std::string& name);
};

}  // namespace fashion_mnist
