#include <ATen/Parallel.h>
#include <torch/types.h>

#include <vector>

#include "core/parallel.h"
#include "fastforward/nn/linear_quantizer.h"
#include "fastforward/quantization/affine.h"
#include "fastforward/quantization/fake_quantize.h"
#include "fastforward/quantization/tile_range.h"
#include "fastforward/range_setting/estimate_ranges.h"
#include "fastforward/range_setting/min_error.h"
#include "support/property.h"

namespace {

using ff::test::pick;
using ff::test::random_data;

class ThreadsGuard {
 public:
  explicit ThreadsGuard(int threads) : before_(at::get_num_threads()) {
    at::set_num_threads(threads);
  }
  ~ThreadsGuard() {
    at::set_num_threads(before_);
  }
  ThreadsGuard(const ThreadsGuard&) = delete;
  ThreadsGuard& operator=(const ThreadsGuard&) = delete;

 private:
  int before_;
};

struct Big {
  std::vector<int64_t> shape;
  ff::Granularity granularity;
};

// Several blocks of work each, with ends in the middle of tiles.
std::vector<Big> big_cases() {
  return {
      {{100003}, ff::PerTensor()},
      {{37, 41, 101}, ff::PerTensor()},
      {{7, 20011}, ff::PerChannel(0)},
      {{20011, 7}, ff::PerChannel(1)},
      {{40009, 3}, ff::PerChannel(0)},
      {{16, 24, 17, 19}, ff::PerChannel(1)},
      {{64, 2048}, ff::PerBlock(1, 32, {0})},
      {{3, 50021}, ff::PerBlock(1, 10007, {0}, false)},
      {{30, 40, 100}, ff::PerTile({15, 10, 25})},
  };
}

std::vector<torch::Tensor> run(const Big& big, int64_t bits, torch::ScalarType type, uint64_t seed,
                               bool permuted, int threads) {
  const ThreadsGuard guard(threads);
  torch::Tensor data = random_data(big.shape, seed, type);
  if (permuted)
    data = data.transpose(0, -1).contiguous().transpose(0, -1);
  data.requires_grad_();
  const int64_t tiles = big.granularity.parameter_dimensionality(big.shape);
  const torch::Tensor scale = ((random_data({tiles}, seed + 1, type).abs() + 0.5) /
                               std::exp2(static_cast<double>(bits - 2)))
                                  .requires_grad_();
  const torch::Tensor offset = random_data({tiles}, seed + 2, type).requires_grad_();
  const torch::Tensor q = ff::quantize_per_granularity(data, scale, offset, big.granularity, bits);
  const torch::Tensor y = q.dequantize();
  y.backward(random_data(big.shape, seed + 3, type));
  const ff::QuantizationRange range = ff::tile_range(data, big.granularity);
  const torch::Tensor fused =
      ff::fake_quantize(data.detach(), scale.detach(), offset.detach(), big.granularity, bits);
  return {ff::codes(q),  y.detach(), data.grad(), scale.grad(),
          offset.grad(), range.min,  range.max,   fused};
}

TEST(Threads, GiveTheSameBits) {
  uint64_t seed = 0;
  for (const auto type : {torch::kFloat, torch::kDouble, torch::kBFloat16, torch::kHalf}) {
    for (const Big& big : big_cases()) {
      const bool permuted = ++seed % 2 == 0;
      const int64_t bits = seed % 3 == 0 ? 16 : 4;
      SCOPED_TRACE(c10::str(big.granularity, " on ", at::IntArrayRef(big.shape), " ", type, " ",
                            bits, " bits", permuted ? " permuted" : "", ", seed ", seed));
      const auto one = run(big, bits, type, seed, permuted, 1);
      for (const int threads : {2, 3, 7}) {
        const auto several = run(big, bits, type, seed, permuted, threads);
        for (size_t i = 0; i < one.size(); ++i)
          EXPECT_TRUE(ff::test::same(several[i], one[i])) << threads << " threads, result " << i;
      }
    }
  }
}

TEST(Threads, FindTheSameRanges) {
  for (const auto type : {torch::kFloat, torch::kDouble}) {
    for (const ff::Granularity& granularity :
         {ff::Granularity(ff::PerTensor()), ff::Granularity(ff::PerChannel(0))}) {
      const torch::Tensor data = random_data({3, 9001}, 11, type);
      const auto range_with = [&](int threads) {
        const ThreadsGuard guard(threads);
        ff::nn::LinearQuantizer quantizer(
            ff::nn::LinearQuantizerOptions(4).granularity(granularity).symmetric(false));
        const auto estimation =
            ff::estimate_ranges(quantizer, ff::range_setting::mse_grid({.num_candidates = 36}));
        quantizer(data);
        return *quantizer->quantization_range();
      };
      const ff::QuantizationRange one = range_with(1);
      for (const int threads : {2, 3, 7}) {
        EXPECT_TRUE(ff::test::same(range_with(threads).min, one.min)) << threads << " threads";
        EXPECT_TRUE(ff::test::same(range_with(threads).max, one.max)) << threads << " threads";
      }
    }
  }
}

RC_GTEST_PROP(Threads, BlocksCoverEachIndexOnce, ()) {
  const int64_t n = pick(0, 2000), block = pick(1, 300);
  const ThreadsGuard guard(static_cast<int>(pick(1, 4)));
  std::vector<int> seen(n);
  std::vector<int> starts_and_sizes_fit(n, 1);
  ff::parallel_blocks(n, block, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      ++seen[i];
      starts_and_sizes_fit[i] = begin % block == 0 && end - begin <= block;
    }
  });
  RC_ASSERT(seen == std::vector<int>(n, 1));
  RC_ASSERT(starts_and_sizes_fit == std::vector<int>(n, 1));
}

}  // namespace
