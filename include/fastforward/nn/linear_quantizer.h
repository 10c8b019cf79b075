#pragma once

#include <ATen/core/Tensor.h>
#include <torch/arg.h>

#include <optional>
#include <string>
#include <vector>

#include "fastforward/core/api.h"
#include "fastforward/nn/quantizer.h"
#include "fastforward/nn/range_settable.h"
#include "fastforward/tensor/granularity.h"

namespace ff::nn {

/// Options for LinearQuantizer.
///
///     ff::nn::LinearQuantizer q(ff::nn::LinearQuantizerOptions(4).granularity(ff::PerChannel(0)));
struct FF_API LinearQuantizerOptions {
  /// `num_bits` from 1 to 16.
  LinearQuantizerOptions(int64_t num_bits) : num_bits_(num_bits) {}

  /// Bits of a code, 1 to 16.
  TORCH_ARG(int64_t, num_bits);
  /// Symmetric around zero: no learned offset.
  TORCH_ARG(bool, symmetric) = true;
  /// Symmetric ranges without negative values use the whole grid above zero.
  TORCH_ARG(bool, allow_one_sided) = true;
  /// One-sidedness is decided for each tile; false: for all tiles together, as in FastForward.
  TORCH_ARG(bool, one_sided_per_tile) = false;
  /// Which elements share a scale and an offset.
  TORCH_ARG(Granularity, granularity);
  /// Type of the codes; by default int8 up to 8 bits, int16 above.
  TORCH_ARG(std::optional<at::ScalarType>, quantized_dtype) = std::nullopt;
  /// Type of scale and offset.
  TORCH_ARG(at::ScalarType, param_dtype) = at::kFloat;
  /// Device of scale and offset.
  TORCH_ARG(at::Device, device) = at::kCPU;
};

/// Uniform quantization with learned scale and offset for each tile (AffineQuantizationFunction).
///
/// The parameters are made when a range is set, by set_quantization_range() or ff::estimate_ranges;
/// until then quantizing is a c10::ValueError. `scale` is a parameter; `offset` is a parameter if
/// not symmetric, a buffer if symmetric and allow_one_sided, else undefined. Before a range is set
/// both are empty tensors, so optimizers made before calibration stay valid. Source: FastForward's
/// LinearQuantizer.
class FF_API LinearQuantizerImpl : public CloneableQuantizer<LinearQuantizerImpl>,
                                   public SupportsRangeBasedOperator {
 public:
  /// Per tensor, symmetric, with `num_bits` bits.
  explicit LinearQuantizerImpl(int64_t num_bits)
      : LinearQuantizerImpl(LinearQuantizerOptions(num_bits)) {}
  /// With options. Throws c10::ValueError for num_bits outside 1..16 or a type that cannot hold the
  /// codes.
  explicit LinearQuantizerImpl(LinearQuantizerOptions options);

  /// Registers empty parameters.
  void reset() override;
  /// Forgets the range: the parameters are empty again.
  void reset_parameters();
  /// True once a range was set or loaded.
  bool is_initialized() const {
    return scale.numel() > 0;
  }

  /// Returns `data` quantized with the current parameters.
  at::Tensor quantize(const at::Tensor& data) override;

  /// options.granularity().
  Granularity granularity() const override {
    return options.granularity();
  }
  /// options.symmetric().
  bool symmetric() const override {
    return options.symmetric();
  }
  /// Returns (-2^(b-1) + offset) * scale and (2^(b-1) - 1 + offset) * scale, [tiles] each; nothing
  /// before a range is set.
  std::optional<QuantizationRange> quantization_range() const override;
  /// Sets scale and offset for the range. Throws c10::ValueError if min > max, for NaN and
  /// infinities, if the number of values is not that of the granularity (per tensor: 1; else what
  /// an earlier range had), and if param_dtype cannot hold the scale or the offset; then the
  /// earlier range stays.
  void set_quantization_range(const at::Tensor& min, const at::Tensor& max) override;
  /// Sets the range of a quantizer with one tile.
  void set_quantization_range(double min, double max);
  /// Sets the range from a list that must have two tensors, else a c10::ValueError.
  void set_quantization_range(const std::vector<at::Tensor>& range);
  /// Returns what this quantizer would do with another range.
  std::function<at::Tensor(const at::Tensor&)> operator_for_range(
      const at::Tensor& min, const at::Tensor& max, c10::IntArrayRef data_shape) const override;

  /// Reads scale and offset, of any number of tiles, from what torch::save wrote. Throws
  /// c10::ValueError if they do not fit the options: more than one value per tensor, an offset
  /// where this quantizer has none or the other way round, another number of offsets than of
  /// scales, and values that no range gives; then the parameters stay.
  void load(torch::serialize::InputArchive& archive) override;

  /// The options.
  std::string extra_repr() const override;

  /// What the quantizer was made with.
  LinearQuantizerOptions options;
  /// [tiles], param_dtype, > 0.
  at::Tensor scale;
  /// [tiles], param_dtype, not rounded; undefined if symmetric and never one-sided.
  at::Tensor offset;

 protected:
  at::Tensor quantized_values(const at::Tensor& data, bool overwrite) override;
  std::optional<BoundQuantizationFunction> function_of_any_data() const override;

 private:
  void check_initialized() const;
  std::optional<at::Tensor> given_offset() const;
  AffineParameters parameters_for_range(const at::Tensor& min, const at::Tensor& max) const;
};

/// Holder of LinearQuantizerImpl.
TORCH_MODULE(LinearQuantizer);

}  // namespace ff::nn
