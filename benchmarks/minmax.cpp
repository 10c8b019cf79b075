#include <torch/types.h>

#include "compare.h"
#include "fastforward/quantization/tile_range.h"
#include "memory_limits.h"
#include "problem.h"
#include "questions.h"

namespace bench {
namespace {

Contest ranges(const at::Tensor& data, const ff::Granularity& granularity) {
  const auto ours = [=] { return ff::tile_range(data, granularity); };
  const auto peer = [=, axis = data.dim() > 1 ? std::optional<int64_t>(1) : std::nullopt] {
    return torch::aminmax(data, axis);
  };
  return {{"ff::tile_range", [=] { ours(); }},
          Contestant{"torch.aminmax", [=] { peer(); }},
          read_limit(4 * data.numel()),
          [=] {
            const ff::QuantizationRange range = ours();
            const auto [min, max] = peer();
            expect_same("min", range.min, min.view({-1}));
            expect_same("max", range.max, max.view({-1}));
          }};
}

}  // namespace

std::vector<Benchmark> minmax(const Sizes& sizes) {
  return {{"minmax/tensor/DRAM",
           {1, 0.85},
           [=] { return ranges(normal({sizes.dram}), ff::PerTensor()); }},
          {"minmax/channel0/DRAM", {1, 0.85}, [=] {
             return ranges(normal(matrix(sizes.dram, 8192)), ff::PerChannel(0));
           }}};
}

}  // namespace bench
