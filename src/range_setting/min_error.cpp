#include "fastforward/range_setting/min_error.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/linspace.h>
#include <ATen/ops/maximum.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros_like.h>
#include <c10/util/Exception.h>

#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "fastforward/quantization/affine.h"
#include "fastforward/quantization/tile_range.h"
#include "fastforward/tensor/quantized_tensor.h"
#include "fastforward/tensor/tiles.h"
#include "quantization/candidate_errors.h"

namespace ff::range_setting {
namespace {

// Candidates [steps, tiles]: steps[:, None] * ends[None, :]
at::Tensor scaled(const at::Tensor& steps, const at::Tensor& ends) {
  return steps.unsqueeze(1) * ends.unsqueeze(0);
}

SearchGrid asymmetric_grid(const at::Tensor& min, const at::Tensor& max, int64_t num_candidates) {
  constexpr double kInnermost = 0.6;
  const auto num_min =
      static_cast<int64_t>(std::floor(std::sqrt(static_cast<double>(num_candidates))));
  const int64_t num_max = num_min + num_candidates - num_min * num_min;
  const at::Tensor mins = scaled(at::linspace(1, kInnermost, num_min, min.options()), min);
  const at::Tensor maxes = scaled(at::linspace(kInnermost, 1, num_max, max.options()), max);
  const at::Tensor all_mins = mins.repeat({num_max, 1});
  // Data far below zero can give crossed ends; FastForward takes them as ranges of zero width,
  // which never win.
  return {all_mins, at::maximum(maxes.repeat_interleave(num_min, 0), all_mins)};
}

// The grids of all candidates, if `quantizer` quantizes with AffineQuantizationFunction in CPU
// memory; then their errors need only one pass over the data.
std::optional<CandidateGrids> affine_grids(const SupportsRangeBasedOperator& quantizer,
                                           const SearchGrid& grid, c10::IntArrayRef sizes) {
  const int64_t candidates = grid.min.size(0), tiles = grid.min.size(1);
  if (!grid.min.is_cpu())
    return std::nullopt;
  std::vector<at::Tensor> scales, offsets;
  std::optional<int64_t> num_bits;
  const std::string granularity = to_string(quantizer.granularity());
  for (int64_t c = 0; c < candidates; ++c) {
    const auto function = quantizer.operator_for_range(grid.min[c], grid.max[c], sizes);
    const auto* bound = function.target<BoundQuantizationFunction>();
    if (bound == nullptr || !AffineQuantizationFunction::is_function_of(*bound))
      return std::nullopt;
    const std::vector<BoundArgument> arguments = bound->arguments();
    const c10::IValue &scale = arguments[0].value, &offset = arguments[1].value;
    const int64_t bits = arguments[3].value.toInt();
    if (scale.toTensor().numel() != tiles || arguments[2].value.toStringRef() != granularity ||
        bits != num_bits.value_or(bits)) {
      return std::nullopt;
    }
    num_bits = bits;
    scales.push_back(scale.toTensor().reshape({-1}));
    offsets.push_back(offset.isNone() ? at::zeros_like(scales.back())
                                      : offset.toTensor().reshape({-1}));
  }
  const at::ScalarType type = grid.min.scalar_type();
  return CandidateGrids{at::stack(scales, 1).to(type), at::stack(offsets, 1).round().to(type),
                        *num_bits};
}

bool is_mean_squared_error(const ErrorFunction& function) {
  using Pointer = at::Tensor (*)(const at::Tensor&, const at::Tensor&);
  const Pointer* pointer = function.target<Pointer>();
  return pointer != nullptr && *pointer == &mse_error;
}

class MinErrorStep final : public EstimatorStep {
 public:
  explicit MinErrorStep(const MinErrorGridOptions& options) : options_(options) {}

  void estimate(RangeSettable& settable, const at::Tensor& data) override {
    auto& quantizer = dynamic_cast<SupportsRangeBasedOperator&>(settable);
    const Granularity granularity = quantizer.granularity();
    const QuantizationRange range = tile_range(data, granularity, "min_error_grid");
    const at::Tensor rows =
        tiles_to_rows(data.to(range.min.scalar_type()), granularity).contiguous();
    const bool is_padded = rows.numel() != data.numel();
    if (!error_.defined())
      start(quantizer, range, rows, is_padded, data.sizes());
    TORCH_CHECK_VALUE(rows.size(0) == error_.size(1), "data of shape ", data.sizes(), " has ",
                      rows.size(0), " tiles of ", granularity, ", but the search grid has ",
                      error_.size(1), "; the number of tiles must stay.");
    // Values of 16 bits are rounded once more, and padding is no data.
    const bool one_pass = grids_.has_value() && data.scalar_type() == rows.scalar_type() &&
                          grids_->scale.scalar_type() == rows.scalar_type() && data.is_cpu() &&
                          !is_padded;
    error_ += one_pass ? candidate_errors(rows, *grids_) : errors_one_by_one(quantizer, data, rows);
    ++step_;
    if (options_.update_range_policy == nullptr || options_.update_range_policy(step_))
      set_best(quantizer);
  }

 private:
  void start(const SupportsRangeBasedOperator& quantizer, const QuantizationRange& range,
             const at::Tensor& rows, bool is_padded, c10::IntArrayRef sizes) {
    // The padding of loose blocks must not widen a range.
    const at::Tensor inside =
        is_padded ? rows.clamp(range.min.unsqueeze(1), range.max.unsqueeze(1)) : rows;
    grid_ = options_.search_grid_generator(inside, quantizer.symmetric(), options_.num_candidates);
    TORCH_CHECK_VALUE(grid_.min.dim() == 2 && grid_.min.sizes() == grid_.max.sizes() &&
                          grid_.min.size(0) > 0 && grid_.min.size(1) == rows.size(0),
                      "the search grid has minima of shape ", grid_.min.sizes(),
                      " and maxima of shape ", grid_.max.sizes(), "; expected [candidates, ",
                      rows.size(0), "] for both.");
    if (is_mean_squared_error(options_.error_function))
      grids_ = affine_grids(quantizer, grid_, sizes);
    error_ = at::zeros_like(grid_.min, grid_.min.options().dtype(at::kDouble));
  }

  // For any error function and any quantizer: each candidate quantizes the data.
  at::Tensor errors_one_by_one(const SupportsRangeBasedOperator& quantizer, const at::Tensor& data,
                               const at::Tensor& rows) const {
    at::Tensor errors = at::zeros_like(error_);
    for (int64_t i = 0; i < errors.size(0); ++i) {
      const auto quantize = quantizer.operator_for_range(grid_.min[i], grid_.max[i], data.sizes());
      const at::Tensor quantized = tiles_to_rows(
          ff::dequantize(quantize(data)).to(rows.scalar_type()), quantizer.granularity());
      const at::Tensor error = options_.error_function(quantized, rows);
      TORCH_CHECK_VALUE(error.defined() && error.dim() == 1 && error.size(0) == rows.size(0),
                        "min_error_grid: the error_function gave ",
                        error.defined() ? c10::str("shape ", error.sizes()) : "no tensor",
                        "; expected one error for each tile, [", rows.size(0), "].");
      errors[i].copy_(error);
    }
    return errors;
  }

  void set_best(SupportsRangeBasedOperator& quantizer) const {
    // NaN is no error that may win.
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    const at::Tensor error = error_.masked_fill(error_.ne(error_), kInfinity);
    const auto [least, best] = error.min(0, /*keepdim=*/true);  // [1, tiles]
    const at::Tensor hopeless = least.isinf().reshape({-1}).nonzero();
    TORCH_CHECK_VALUE(hopeless.numel() == 0,
                      "min_error_grid: no candidate has a finite error in tile ",
                      hopeless.numel() == 0 ? 0 : hopeless[0][0].item<int64_t>(),
                      "; scale the data, or use another error_function.");
    quantizer.set_quantization_range(grid_.min.gather(0, best)[0], grid_.max.gather(0, best)[0]);
  }

  MinErrorGridOptions options_;
  SearchGrid grid_;
  std::optional<CandidateGrids> grids_;  // where all errors can be had in one pass
  at::Tensor error_;                     // [candidates, tiles], summed over the batches
  int64_t step_ = 0;
};

class MinErrorEstimator final : public RangeEstimator {
 public:
  explicit MinErrorEstimator(const MinErrorGridOptions& options)
      : RangeEstimator({options.disable_quantization, options.skip_unsupported}),
        options_(options) {}

  std::string name() const override {
    return "min_error_grid";
  }
  std::string unsupported(const nn::QuantizerImpl& quantizer) const override {
    if (dynamic_cast<const SupportsRangeBasedOperator*>(&quantizer) != nullptr)
      return "";
    return quantizer.describe() + " does not implement ff::nn::SupportsRangeBasedOperator";
  }
  std::unique_ptr<EstimatorStep> make_step(RangeSettable&) const override {
    return std::make_unique<MinErrorStep>(options_);
  }

 private:
  MinErrorGridOptions options_;
};

}  // namespace

at::Tensor mse_error(const at::Tensor& quantized, const at::Tensor& original) {
  return (quantized - original).pow(2).mean(1);
}

SearchGridGenerator uniform_search_grid(double absolute_margin, double relative_margin) {
  return [=](const at::Tensor& rows, bool symmetric, int64_t num_candidates) -> SearchGrid {
    const at::Tensor max = relative_margin * rows.amax(1) + absolute_margin;
    const at::Tensor min = relative_margin * rows.amin(1) - absolute_margin;
    const auto n = static_cast<double>(num_candidates);
    const at::Tensor steps = at::linspace(1 / n, 1, num_candidates, rows.options());
    if (min.amin().ge(0).item<bool>()) {
      const at::Tensor maxes = scaled(steps, max);
      return {at::zeros_like(maxes), maxes};
    }
    if (symmetric) {
      const at::Tensor maxes = scaled(steps, at::maximum(min.abs(), max.abs()));
      return {-maxes, maxes};
    }
    return asymmetric_grid(relative_margin * min + absolute_margin,
                           relative_margin * max + absolute_margin, num_candidates);
  };
}

std::shared_ptr<RangeEstimator> min_error_grid(const MinErrorGridOptions& options) {
  TORCH_CHECK_VALUE(options.num_candidates >= 1, "min_error_grid: num_candidates is ",
                    options.num_candidates, "; expected at least 1.");
  TORCH_CHECK_VALUE(options.error_function != nullptr && options.search_grid_generator != nullptr,
                    "min_error_grid: error_function and search_grid_generator must not be empty.");
  return std::make_shared<MinErrorEstimator>(options);
}

std::shared_ptr<RangeEstimator> mse_grid(const MinErrorGridOptions& options) {
  return min_error_grid(options);
}

}  // namespace ff::range_setting
