#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cstdint>
#include <fstream>
#include <functional>
#include <optional>

#include "fastforward/model/presets.h"
#include "model/explicit_quantization.h"
#include "peak_memory.h"
#include "support/tensors.h"

// That nothing is kept from one run of a model to the next.
#ifdef __linux__
namespace {

using ff::QuantizedModel;
using ff::test::quantized;
using ff::test::random_data;
using ff::test::TwoLayers;

// Resident memory in bytes.
int64_t memory() {
  std::ifstream stream("/proc/self/statm");
  int64_t total = 0, resident = 0;
  stream >> total >> resident;
  return resident * 4096;
}

// What 1,000 times need after the first 100.
void expect_no_growth(const std::function<void(int)>& run) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer keeps freed memory";
#endif
  run(100);
  const int64_t before = memory();
  run(1000);
  EXPECT_LT(memory() - before, int64_t{1} << 20);
}

TEST(ModelMemory, ManyForwardsNeedNoMore) {
  const torch::Tensor x = random_data({256, 4}, 1);
  QuantizedModel model = quantized(TwoLayers(), x);
  model->eval();
  const torch::NoGradGuard no_grad;
  expect_no_growth([&](int times) {
    for (int i = 0; i < times; ++i)
      model(x);
  });
}

TEST(ModelMemory, IntegersHoldWeightsInOneByteAndGiveThemBack) {
  constexpr int64_t kSize = 256;
  const torch::Tensor x = random_data({16, kSize}, 1);
  const torch::NoGradGuard no_grad;
  torch::nn::Sequential net(torch::nn::Linear(kSize, kSize), torch::nn::ReLU(),
                            torch::nn::Linear(kSize, kSize));
  QuantizedModel model = quantized(net, x);
  model->eval();
  model->to_integer();
  const auto run = [&] { model->run({x}); };
  const int64_t kept = bench::memory_use(run).kept;
  constexpr int64_t kWeights = 2 * kSize * kSize;
  EXPECT_GE(kept, kWeights);
  EXPECT_LT(kept, kWeights + kWeights / 2);  // sums, scales, the pool
  EXPECT_EQ(bench::memory_use(run).kept, 0);
  EXPECT_LE(bench::memory_use([&] { model->to_integer(false); }).kept, -kWeights);
}

TEST(ModelMemory, ManyBatchesOfCalibrationNeedNoMore) {
  QuantizedModel model = ff::autoquantize(TwoLayers(), random_data({256, 4}, 1));
  expect_no_growth([&](int batches) {
    ff::calibrate(model, [&]() -> std::optional<ff::Inputs> {
      if (batches-- == 0)
        return std::nullopt;
      return ff::Inputs{torch::randn({256, 4})};
    });
  });
}

}  // namespace
#endif
