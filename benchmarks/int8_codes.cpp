#include <torch/types.h>

#include <cmath>

#include "compare.h"
#include "fastforward/quantization/affine_codes.h"
#include "memory_limits.h"
#include "problem.h"
#include "questions.h"
#include "torch_peers.h"

namespace bench {
namespace {

// Float in, int8 out or the other way: 5 bytes are moved for an element, as by a copy of 2.5.
int64_t copied_bytes(const at::Tensor& data) {
  return data.numel() * 5 / 2;
}

at::Tensor torch_quantized(const Problem& problem) {
  return torch::quantize_per_tensor(problem.data, problem.scale.item<double>(),
                                    problem.zero_point().item<int64_t>(), torch::kQInt8);
}

Contest quantize(const Problem& problem) {
  at::Tensor codes = torch::zeros_like(problem.data, torch::kChar);
  const Answer ours{"ff::quantize_codes_out", [=]() mutable {
                      return ff::quantize_codes_out(codes, problem.data, problem.scale,
                                                    problem.offset);
                    }};
  const Answer peer{"torch.quantize_per_tensor", [=] { return torch_quantized(problem); }};
  return {ours.contestant(), peer.contestant(), copy_limit(copied_bytes(problem.data)), [=] {
            Tolerance tolerance = one_step(problem);
            tolerance.difference = torch::ones({});
            expect_same("codes", ours.tensor().to(torch::kInt),
                        peer.tensor().int_repr().to(torch::kInt), tolerance);
          }};
}

Contest dequantize(const Problem& problem) {
  const at::Tensor quantized = torch_quantized(problem), codes = quantized.int_repr();
  at::Tensor values = torch::zeros_like(problem.data);
  const Answer ours{"ff::dequantize_codes_out", [=]() mutable {
                      return ff::dequantize_codes_out(values, codes, problem.scale, problem.offset);
                    }};
  const Answer peer{"torch.dequantize", [=] { return quantized.dequantize(); }};
  return {ours.contestant(), peer.contestant(), copy_limit(copied_bytes(problem.data)), [=] {
            // LibTorch computes fma(scale, code, -scale * zero_point), we (code + offset) * scale:
            // three roundings of numbers up to the largest value, by 2^-24 of it each.
            const double largest = 131 * problem.scale.item<double>();
            expect_same("values", ours.tensor(), peer.tensor(),
                        {.difference = torch::full({}, std::ldexp(largest, -22))});
          }};
}

}  // namespace

std::vector<Benchmark> int8_codes(const Sizes& sizes) {
  return {
      {"quantize_int8/tensor/DRAM", {0.95, 0.8}, [=] { return quantize(per_tensor(sizes.dram)); }},
      {"dequantize_int8/tensor/DRAM", {0.95, 0.8}, [=] {
         return dequantize(per_tensor(sizes.dram));
       }}};
}

}  // namespace bench
