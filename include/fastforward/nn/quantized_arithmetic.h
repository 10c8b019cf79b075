#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Scalar.h>
#include <torch/nn/cloneable.h>
#include <torch/nn/modules/common.h>
#include <torch/nn/modules/container/any.h>

#include <vector>

#include "fastforward/core/api.h"
#include "fastforward/nn/quantized_module.h"

/// Named places for functional operators, so that their quantizers can be found and set as those of
/// layers.
namespace ff::nn {

/// input + other, with quantizers `input_quantizer`, `other_quantizer` and `output_quantizer`.
class FF_API QuantizedAddImpl : public torch::nn::Cloneable<QuantizedAddImpl>,
                                public QuantizedModule {
 public:
  /// With stubs.
  QuantizedAddImpl() {
    reset();
  }
  /// Registers the quantizers.
  void reset() override;
  /// Returns input + alpha other, broadcast. Throws c10::TypeError in strict mode if one of the
  /// three is not quantized.
  at::Tensor forward(const at::Tensor& input, const at::Tensor& other, const at::Scalar& alpha = 1);
  /// Writes the type.
  void pretty_print(std::ostream& stream) const override;

 protected:
  FORWARD_HAS_DEFAULT_ARGS({2, torch::nn::AnyValue(at::Scalar(1))})
};

/// Holder of QuantizedAddImpl.
TORCH_MODULE(QuantizedAdd);

/// input other, element by element, with quantizers `input_quantizer`, `other_quantizer` and
/// `output_quantizer`.
class FF_API QuantizedMulImpl : public torch::nn::Cloneable<QuantizedMulImpl>,
                                public QuantizedModule {
 public:
  /// With stubs.
  QuantizedMulImpl() {
    reset();
  }
  /// Registers the quantizers.
  void reset() override;
  /// Returns the product, broadcast. Throws c10::TypeError in strict mode if one of the three is
  /// not quantized.
  at::Tensor forward(const at::Tensor& input, const at::Tensor& other);
  /// Writes the type.
  void pretty_print(std::ostream& stream) const override;
};

/// Holder of QuantizedMulImpl.
TORCH_MODULE(QuantizedMul);

/// Tensors joined along an axis, with `input_quantizer`, which all of them go through, and
/// `output_quantizer`.
///
/// Tensors of one grid stay on it, so that no output quantizer is needed in strict mode.
class FF_API QuantizedCatImpl : public torch::nn::Cloneable<QuantizedCatImpl>,
                                public QuantizedModule {
 public:
  /// Joins along `dim`.
  explicit QuantizedCatImpl(int64_t dim = 0) : dim(dim) {
    reset();
  }
  /// Registers the quantizers.
  void reset() override;
  /// Returns the joined tensors. Throws c10::TypeError in strict mode if one of them or the output
  /// is not quantized.
  at::Tensor forward(const std::vector<at::Tensor>& tensors);
  /// Writes the type and the axis.
  void pretty_print(std::ostream& stream) const override;

  /// The axis.
  int64_t dim;
};

/// Holder of QuantizedCatImpl.
TORCH_MODULE(QuantizedCat);

}  // namespace ff::nn
