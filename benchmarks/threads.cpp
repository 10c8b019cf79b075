#include <torch/types.h>

#include "compare.h"
#include "fastforward/quantization/fake_quantize.h"
#include "memory_limits.h"
#include "problem.h"
#include "questions.h"

namespace bench {
namespace {

constexpr int kThreads = 2;

Contest two_against_one(const Problem& problem) {
  at::Tensor out = torch::zeros_like(problem.data);
  const std::function<at::Tensor()> run = [=]() mutable {
    return ff::fake_quantize_out(out, problem.data, problem.scale, problem.offset);
  };
  // Any number of threads gives the same bits.
  const auto check = [=] {
    const at::Tensor alone = run().clone();
    out.zero_();
    at::set_num_threads(kThreads);
    expect_same("values", run(), alone);
  };
  return {{"2 threads", run, kThreads},
          Contestant{"1 thread", run, 1},
          copy_limit(4 * problem.data.numel(), kThreads),
          check};
}

}  // namespace

std::vector<Benchmark> threads(const Sizes& sizes) {
  return {{"threads/2", {}, [=] { return two_against_one(per_tensor(sizes.dram)); }}};
}

}  // namespace bench
