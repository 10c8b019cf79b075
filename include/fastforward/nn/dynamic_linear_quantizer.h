#pragma once

#include <ATen/core/Tensor.h>
#include <torch/arg.h>

#include <optional>
#include <string>

#include "fastforward/core/api.h"
#include "fastforward/nn/quantizer.h"
#include "fastforward/tensor/granularity.h"

namespace ff::nn {

/// Options for DynamicLinearQuantizer.
struct FF_API DynamicLinearQuantizerOptions {
  /// `num_bits` from 1 to 16.
  DynamicLinearQuantizerOptions(int64_t num_bits) : num_bits_(num_bits) {}

  /// Bits of a code, 1 to 16.
  TORCH_ARG(int64_t, num_bits);
  /// Symmetric around zero.
  TORCH_ARG(bool, symmetric) = false;
  /// Symmetric ranges without negative values use the whole grid above zero.
  TORCH_ARG(bool, allow_one_sided) = true;
  /// One-sidedness is decided for each tile; false: for all tiles together, as in FastForward.
  TORCH_ARG(bool, one_sided_per_tile) = false;
  /// Which elements share a scale and an offset.
  TORCH_ARG(Granularity, granularity);
  /// Type of the codes; by default int8 up to 8 bits, int16 above.
  TORCH_ARG(std::optional<at::ScalarType>, quantized_dtype) = std::nullopt;
};

/// Uniform quantization whose scale and offset come from each tile's minimum and maximum at each
/// call.
///
/// It has no parameters and needs no calibration. See ff::dynamic::quantize_per_granularity.
/// Source: FastForward's DynamicLinearQuantizer.
class FF_API DynamicLinearQuantizerImpl : public CloneableQuantizer<DynamicLinearQuantizerImpl> {
 public:
  /// Per tensor, asymmetric, with `num_bits` bits.
  explicit DynamicLinearQuantizerImpl(int64_t num_bits)
      : DynamicLinearQuantizerImpl(DynamicLinearQuantizerOptions(num_bits)) {}
  /// With options. Throws c10::ValueError for num_bits outside 1..16 or a type that cannot hold the
  /// codes.
  explicit DynamicLinearQuantizerImpl(DynamicLinearQuantizerOptions options);

  /// Does nothing: there is nothing to register.
  void reset() override {}
  /// Returns `data` quantized with its own range.
  at::Tensor quantize(const at::Tensor& data) override;
  /// The options.
  std::string extra_repr() const override;

  /// What the quantizer was made with.
  DynamicLinearQuantizerOptions options;

 protected:
  at::Tensor quantized_values(const at::Tensor& data, bool overwrite) override;
};

/// Holder of DynamicLinearQuantizerImpl.
TORCH_MODULE(DynamicLinearQuantizer);

}  // namespace ff::nn
