#include <torch/types.h>

#include "compare.h"
#include "fastforward/nn/linear_quantizer.h"
#include "fastforward/range_setting/estimate_ranges.h"
#include "fastforward/range_setting/min_error.h"
#include "problem.h"
#include "questions.h"

namespace bench {
namespace {

constexpr int64_t kCandidates = 100;

// Data as rows, one for each tile.
struct Search {
  at::Tensor rows;
  int64_t num_bits;
};

// The mean squared error of each row on a symmetric grid with a scale for each row.
at::Tensor errors(const at::Tensor& rows, const at::Tensor& scale, int64_t num_bits) {
  const int64_t low = -(int64_t{1} << (num_bits - 1)), high = -low - 1;
  const at::Tensor column = scale.unsqueeze(1);
  const at::Tensor values = torch::clamp(torch::round(rows / column), low, high) * column;
  return (values - rows).pow(2).mean(1);
}

// The best scale of each row, candidate by candidate: FastForward's mse_grid with its defaults.
at::Tensor best_scales(const Search& search) {
  constexpr double kMargin = 0.5;
  const auto low = static_cast<double>(int64_t{1} << (search.num_bits - 1));
  const at::Tensor below = (search.rows.amin(1) - kMargin).abs();
  const at::Tensor above = (search.rows.amax(1) + kMargin).abs();
  const at::Tensor steps = torch::linspace(1.0 / kCandidates, 1, kCandidates);
  const at::Tensor ends = steps.unsqueeze(1) * torch::maximum(below, above).unsqueeze(0);
  const at::Tensor scales = ends / (low - 1);  // [candidates, rows]
  std::vector<at::Tensor> all;
  for (int64_t i = 0; i < kCandidates; ++i)
    all.push_back(errors(search.rows, scales[i], search.num_bits));
  return scales.gather(0, torch::stack(all).argmin(0, /*keepdim=*/true))[0];
}

at::Tensor estimated_scales(const Search& search, ff::nn::LinearQuantizer& quantizer,
                            const at::Tensor& data) {
  const auto estimation = ff::estimate_ranges(
      quantizer,
      ff::range_setting::mse_grid({.num_candidates = kCandidates, .disable_quantization = true}));
  quantizer(data);
  return quantizer->scale.detach().view({search.rows.size(0)});
}

// Where two candidates are as good as each other, the order of a float32 sum decides: another
// scale than the peer's is right if its exact error is within 1e-5 of the peer's.
void check(const Search& search, const at::Tensor& ours, const at::Tensor& peer) {
  const auto exact = [&](const at::Tensor& scale) {
    return errors(search.rows.to(torch::kDouble), scale.to(torch::kDouble), search.num_bits);
  };
  const at::Tensor best = exact(peer);
  expect_same("error of the best range", exact(ours), best, {best * 1e-5});
}

Contest best_range(const at::Tensor& data, const ff::Granularity& granularity, int64_t num_bits) {
  const Search search{granularity.is_per_tensor() ? data.view({1, -1}) : data, num_bits};
  ff::nn::LinearQuantizer quantizer(
      ff::nn::LinearQuantizerOptions(num_bits).granularity(granularity));
  const Answer ours{"ff::range_setting::mse_grid",
                    [=]() mutable { return estimated_scales(search, quantizer, data); }};
  const Answer peer{"ATen operators", [=] { return best_scales(search); }};
  return {ours.contestant(), peer.contestant(), std::nullopt,
          [=] { check(search, ours.tensor(), peer.tensor()); }};
}

}  // namespace

std::vector<Benchmark> mse_grid(const Sizes& sizes) {
  const auto search = [=](const ff::Granularity& granularity, int64_t num_bits) {
    return [=] { return best_range(normal(matrix(sizes.search(), 1024)), granularity, num_bits); };
  };
  return {{"mse_grid/channel0", {15, {}}, search(ff::PerChannel(0), 8)},
          {"mse_grid/channel0/4bit", {15, {}}, search(ff::PerChannel(0), 4)},
          {"mse_grid/tensor", {30, {}}, search(ff::PerTensor(), 8)},
          {"mse_grid/tensor/4bit", {30, {}}, search(ff::PerTensor(), 4)}};
}

}  // namespace bench
