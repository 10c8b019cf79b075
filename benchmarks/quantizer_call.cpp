#include <torch/types.h>

#include "compare.h"
#include "fastforward/nn/linear_quantizer.h"
#include "fastforward/tensor/quantized_tensor.h"
#include "problem.h"
#include "questions.h"
#include "torch_peers.h"

namespace bench {
namespace {

// With gradients both record what their backward needs; without them neither does.
Contest call(bool with_gradients) {
  const Problem problem = per_tensor(64);
  const at::Tensor data = problem.data.requires_grad_(with_gradients);
  ff::nn::LinearQuantizer quantizer(ff::nn::LinearQuantizerOptions(8).symmetric(false));
  const auto [min, max] = ff::quantization_range(problem.scale, problem.offset, 8);
  quantizer->set_quantization_range(min, max);
  const Answer torch = torch_fake_quantize(problem);
  const Answer ours{"LinearQuantizer", [=]() mutable {
                      const at::AutoGradMode mode(with_gradients);
                      return quantizer(data);
                    }};
  const Answer peer{torch.name, [=] {
                      const at::AutoGradMode mode(with_gradients);
                      return torch.tensor();
                    }};
  return {ours.contestant(), peer.contestant(), std::nullopt, [=] {
            expect_same("values", ff::dequantize(ours.tensor()), peer.tensor(), one_step(problem));
          }};
}

}  // namespace

std::vector<Benchmark> quantizer_call() {
  return {{"quantizer_call/64", {0.5, {}}, [] { return call(false); }},
          {"quantizer_call/64/gradients", {0.5, {}}, [] { return call(true); }}};
}

}  // namespace bench
