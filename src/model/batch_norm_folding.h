#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "model/call_graph.h"

namespace ff::model {

/// A batch norm that can be folded into the product before it.
struct BatchNormFold {
  /// The product.
  size_t product;
  /// The batch norm.
  size_t norm;
  /// The product's weight, a parameter.
  ValueId weight;
  /// The weight's axis of the output channels.
  int64_t channel_axis;
  /// The call that touches the weight first: the product, or a t() before it.
  size_t weight_call;
  /// The bias, kConstant if there is none.
  ValueId bias;
  /// The call and the argument of it that takes the bias; nothing where no call can, and the batch
  /// norm has to add it.
  std::optional<std::pair<size_t, size_t>> bias_place;
  /// The batch norm's tensors, kConstant for a scale or a shift that it does not have.
  ValueId scale, shift, mean, variance;
};

/// The batch norms that normalize by statistics of their own, and whose operand nobody else reads:
/// the result of a convolution or a matrix product with a parameter, or of the addition of a bias
/// to it, as torch::nn::Linear does it.
std::vector<BatchNormFold> foldable_batch_norms(const CallGraph& graph);

/// Weight and bias of a product that gives what the batch norm gave of it.
struct FoldedWeights {
  /// weight * factor, factor = scale / sqrt(variance + epsilon) for each output channel.
  at::Tensor weight;
  /// (bias - mean) * factor + shift.
  at::Tensor bias;
};

/// What a batch norm works with.
struct BatchNormTensors {
  /// May be undefined.
  at::Tensor scale;
  /// May be undefined.
  at::Tensor shift;
  /// Of the running statistics.
  at::Tensor mean;
  /// Of the running statistics.
  at::Tensor variance;
  /// Added to the variance.
  double epsilon;
};

/// Folds. Differentiable. `bias` may be undefined.
FoldedWeights fold_batch_norm(const at::Tensor& weight, int64_t channel_axis,
                              const at::Tensor& bias, const BatchNormTensors& norm);

}  // namespace ff::model
