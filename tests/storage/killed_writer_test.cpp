// A writer that is killed at any moment leaves the old or the new version, whole.

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <torch/torch.h>
#include <unistd.h>

#include <chrono>
#include <functional>
#include <iostream>
#include <random>
#include <string>
#include <thread>

#include "fastforward/storage/quantized_model.h"
#include "fastforward/storage/safetensors.h"
#include "fastforward/storage/state.h"
#include "storage/networks.h"
#include "support/temporary_folder.h"

namespace {

namespace fs = std::filesystem;
using ff::test::fill_places;
using ff::test::Net;

constexpr int kKills = 200;

class KilledWriter : public ff::test::TemporaryFolder {
 protected:
  // Lets a process write version 1, 2, 3, ... and kills it after up to `microseconds`; `read` gives
  // the version that is there, which must not go back. 200 times.
  void run(int microseconds, const std::function<void(int64_t)>& write,
           const std::function<int64_t()>& read) {
    const unsigned seed = std::random_device()();
    RecordProperty("seed", std::to_string(seed));
    std::mt19937 generator(seed);
    write(0);
    int64_t version = 0, changes = 0;
    for (int kill = 0; kill < kKills; ++kill) {
      const pid_t child = ::fork();
      ASSERT_GE(child, 0);
      if (child == 0) {
        for (int64_t next = version + 1;; ++next)
          write(next);
      }
      std::this_thread::sleep_for(
          std::chrono::microseconds(std::uniform_int_distribution(0, microseconds)(generator)));
      ASSERT_EQ(::kill(child, SIGKILL), 0);
      int status = 0;
      ASSERT_EQ(::waitpid(child, &status, 0), child);
      ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << "it ended by itself";
      int64_t found = -1;
      ASSERT_NO_THROW(found = read()) << "seed " << seed << ", kill " << kill;
      ASSERT_GE(found, version) << "seed " << seed << ", kill " << kill;
      changes += found > version ? 1 : 0;
      version = found;
    }
    const auto left = std::distance(fs::recursive_directory_iterator(folder_), {});
    std::cout << "new versions after " << changes << " of " << kKills << " kills, " << version
              << " written; " << left << " files in the end\n";
    EXPECT_GT(changes, 0) << "no kill came after a write";
    EXPECT_LT(changes, kKills) << "no kill came before the first write was done";
    EXPECT_GT(left, 3) << "no kill came halfway";
  }
};

TEST_F(KilledWriter, SafetensorsAreWhole) {
  torch::set_num_threads(1);
  const fs::path path = folder_ / "model.safetensors";
  run(
      8000,
      [&](int64_t version) {
        ff::storage::write_safetensors(path, {{"a", torch::full({100000}, version, torch::kLong)}});
      },
      [&] {
        const torch::Tensor a = ff::storage::read_safetensors(path).at("a");
        EXPECT_TRUE(a.eq(a[0]).all().item<bool>());
        return a[0].item<int64_t>();
      });
}

TEST_F(KilledWriter, AFolderIsWhole) {
  torch::set_num_threads(1);
  Net net, other;
  fill_places(net);
  run(
      30000,
      [&](int64_t version) {
        net->steps.fill_(version);
        net->fc1->input_quantizer()->metadata().attributes()["version"] = version;
        ff::save_quantized_model(net, folder_ / "model");
      },
      [&] {
        ff::load_quantized_model(other, folder_ / "model");
        const int64_t version =
            other->fc1->input_quantizer()->metadata().attributes().at("version").toInt();
        EXPECT_EQ(other->steps.item<int64_t>(), version) << "weights and state of two versions";
        return version;
      });
}

}  // namespace
