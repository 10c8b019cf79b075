#include "arguments.h"

#include <CLI/CLI.hpp>
#include <cstdlib>

#include "output_file.h"

namespace fashion_mnist {
namespace {

std::filesystem::path default_cache() {
  const char *cache = std::getenv("FF_CACHE"), *home = std::getenv("HOME");
  return cache != nullptr && *cache != '\0' ? std::filesystem::path(cache)
         : home != nullptr                  ? std::filesystem::path(home) / ".cache" / "fastforward"
                                            : std::filesystem::path(".");
}

}  // namespace

Arguments::Arguments() : cache(default_cache()) {}

void Arguments::add_to(CLI::App& app, const std::string& name) {
  app.add_option("--epochs", epochs, "epochs of the float training")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--quantized-epochs", quantized_epochs, "epochs of each training with quantizers")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--images", images, "how many training images are used")
      ->check(CLI::Range(512, 60000))
      ->capture_default_str();
  app.add_option("--seed", seed, "of weights and batches")->capture_default_str();
  app.add_option("--threads", threads, "0: LibTorch's choice")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  app.add_option("--data", data, "folder of the four IDX files")->capture_default_str();
  app.add_option("--cache", cache, "folder whose models/" + name + " gets the networks")
      ->capture_default_str();
  app.add_option("--json", json, "write the table to this file as well")->check(check_output_file);
  app.add_flag("--retrain", retrain, "train the float network even if it is in the cache");
}

}  // namespace fashion_mnist
