#include "fastforward/quantization/fake_quantize.h"

#include <torch/types.h>

#include "compare.h"
#include "memory_limits.h"
#include "problem.h"
#include "questions.h"
#include "torch_peers.h"

namespace bench {
namespace {

// Reads and writes 4 bytes an element.
constexpr int64_t kCopiedBytes = 4;

Contest into_given_output(const Problem& problem, const Answer& peer, const Tolerance& tolerance) {
  at::Tensor out = torch::zeros_like(problem.data);
  const Answer ours{"ff::fake_quantize_out", [=]() mutable {
                      return ff::fake_quantize_out(out, problem.data, problem.scale, problem.offset,
                                                   problem.granularity);
                    }};
  return {ours.contestant(), peer.contestant(), copy_limit(kCopiedBytes * problem.data.numel()),
          [=] { expect_same("values", ours.tensor(), peer.tensor(), tolerance); }};
}

// LibTorch's clone makes a new output as well, from pages that the system has to give.
Contest into_new_output(const Problem& problem) {
  const Answer ours{"ff::fake_quantize", [=] {
                      return ff::fake_quantize(problem.data, problem.scale, problem.offset,
                                               problem.granularity);
                    }};
  const Answer peer = torch_fake_quantize(problem);
  return {ours.contestant(), peer.contestant(),
          Contestant{"torch.clone", [data = problem.data] { data.clone(); }},
          [=] { expect_same("values", ours.tensor(), peer.tensor(), one_step(problem)); }};
}

// As weights of language models are quantized. LibTorch has no function for it, and the formula
// divides as we do: no value may differ.
Contest blocks_of_32(int64_t elements) {
  constexpr int64_t kColumns = 8192, kBlock = 32;
  const int64_t rows = elements / kColumns;
  // To the formula each block is a row with its scale.
  const Problem blocks = per_channel({elements / kBlock, kBlock}, 0);
  const Problem problem{blocks.data.view({rows, kColumns}), ff::PerBlock(1, kBlock, {0}),
                        blocks.scale, blocks.offset};
  return into_given_output(problem, formula_peer(blocks, problem.data.sizes()), Tolerance{});
}

}  // namespace

std::vector<Benchmark> fake_quantize(const Sizes& sizes) {
  const int64_t dram = sizes.dram;
  const auto channels = [](const std::vector<int64_t>& shape, int64_t axis) {
    return [=] {
      const Problem problem = per_channel(shape, axis);
      return into_given_output(problem, torch_fake_quantize(problem), one_step(problem));
    };
  };
  const auto tensor = [](int64_t elements) {
    return [=] {
      const Problem problem = per_tensor(elements);
      return into_given_output(problem, torch_fake_quantize(problem), one_step(problem));
    };
  };
  return {{"fake_quantize/tensor/L2", {15, 0.7}, tensor(sizes.l2())},
          {"fake_quantize/tensor/DRAM", {10, 0.9}, tensor(dram)},
          {"fake_quantize/tensor/fresh", {8, 3}, [=] { return into_new_output(per_tensor(dram)); }},
          {"fake_quantize/channel0/DRAM", {10, 0.8}, channels(matrix(dram, 8192), 0)},
          // Activations of a convolution: 64 channels of 32 x 32.
          {"fake_quantize/channel1_nchw/DRAM",
           {10, 0.8},
           channels({dram / (64 * 32 * 32), 64, 32, 32}, 1)},
          {"fake_quantize/channel_last/DRAM", {10, 0.8}, channels(matrix(dram, 2048), 1)},
          {"fake_quantize/block32/DRAM", {10, 0.8}, [=] { return blocks_of_32(dram); }}};
}

}  // namespace bench
