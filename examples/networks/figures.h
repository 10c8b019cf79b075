#pragma once

#include <torch/types.h>

#include <cstdint>

/// What is measured of a network's outputs. A row with a NaN counts as wrong.
namespace networks {

/// Returns the share of rows of `logits` [N, classes] whose largest value is at `labels` [N].
double top1(const torch::Tensor& logits, const torch::Tensor& labels);

/// Returns the share of rows of `logits` and `reference`, both [N, classes], whose largest values
/// are at the same place.
double agreement(const torch::Tensor& logits, const torch::Tensor& reference);

/// Returns the signal to quantization noise ratio in decibels:
///
///     10 log10(sum(reference^2) / sum((values - reference)^2)), summed in float64
///
/// Infinite for equal tensors, NaN if both sums are zero. Shapes must be equal.
double sqnr(const torch::Tensor& values, const torch::Tensor& reference);

/// How well each query finds the item of its own row.
struct RetrievalFigures {
  /// The share of queries whose own item is the best one.
  double recall_at_1 = 0;
  /// The mean of 1 / rank of the own item.
  double mean_reciprocal_rank = 0;
};

/// Ranks the items for each query by their inner products; both [N, width]. Among equal ones the
/// own item comes last, so that a constant encoder finds nothing.
RetrievalFigures retrieval(const torch::Tensor& queries, const torch::Tensor& items);

/// Returns the share of rows of `embeddings` [N, width] whose label is that of most of their k
/// nearest other rows, by inner product; of equally frequent ones that of the nearest row counts.
double nearest_neighbours(const torch::Tensor& embeddings, const torch::Tensor& labels,
                          int64_t k = 5);

/// Returns the mean cosine between the rows of two tensors [N, width].
double mean_cosine(const torch::Tensor& values, const torch::Tensor& reference);

}  // namespace networks
