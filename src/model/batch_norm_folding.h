#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "model/call_graph.h"

namespace ff::model {

/// A batch norm that can be folded into the product before it.
struct BatchNormFold {
  /// The product.
  size_t product;
  /// The batch norm.
  size_t norm;
  /// The product's weight.
  ValueId weight;
  /// The product's bias, kConstant if it has none.
  ValueId bias;
  /// The batch norm's tensors, kConstant for a scale or a shift that it does not have.
  ValueId scale, shift, mean, variance;
};

/// The batch norms that normalize by statistics of their own, and whose operand nobody else reads,
/// a result of a convolution or a linear map with a parameter of its own as weight.
std::vector<BatchNormFold> foldable_batch_norms(const CallGraph& graph);

/// The fold of one batch norm.
BatchNormFold fold_of(const CallGraph& graph, size_t product, size_t norm);

/// Weight and bias of a product that gives what the batch norm gave of it.
struct FoldedWeights {
  /// weight * factor, factor = scale / sqrt(variance + epsilon) for each output channel.
  at::Tensor weight;
  /// (bias - mean) * factor + shift.
  at::Tensor bias;
};

/// Folds. Differentiable. `bias`, `scale` and `shift` may be undefined.
FoldedWeights fold_batch_norm(const at::Tensor& weight, const at::Tensor& bias,
                              const at::Tensor& scale, const at::Tensor& shift,
                              const at::Tensor& mean, const at::Tensor& variance, double epsilon,
                              int64_t channel_axis);

}  // namespace ff::model
