#include "float_peer.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <iostream>

#include "networks/model_files.h"

namespace bench {
namespace {

double seconds(const std::function<at::Tensor()>& run) {
  const auto begin = std::chrono::steady_clock::now();
  run();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

}  // namespace

Contestant float_peer(const std::function<at::Tensor()>& forward) {
  return {"float", [forward] {
            const at::NoGradGuard no_grad;
            forward();
          }};
}

std::function<at::Tensor()> fastest(const std::vector<std::function<at::Tensor()>>& ways) {
  const at::NoGradGuard no_grad;
  constexpr int kTries = 7;
  std::vector<double> best(ways.size(), 1e9);
  for (int i = 0; i < kTries; ++i) {
    for (size_t way = 0; way < ways.size(); ++way)
      best[way] = std::min(best[way], seconds(ways[way]));
  }
  return ways[static_cast<size_t>(std::min_element(best.begin(), best.end()) - best.begin())];
}

bool has_networks(const char* what) {
  const std::filesystem::path folder = networks::models_folder();
  for (const char* name : {"efficientnet-lite0", "imagenet-crops-1", "all-MiniLM-L6-v2"}) {
    if (std::filesystem::exists(folder / name))
      continue;
    std::cerr << "ff_bench: most of " << what << " left out: networks are missing in "
              << folder.string() << "; `make models` gets them\n";
    return false;
  }
  return true;
}

}  // namespace bench
