#pragma once

#include <torch/types.h>

#include <cstdint>
#include <string>

#include "fashion_mnist/classifier.h"
#include "fashion_mnist/data.h"

namespace fashion_mnist {

/// How a network is trained.
struct TrainingOptions {
  /// What the progress bar says.
  std::string title;
  /// How often all training images are seen.
  int epochs = 8;
  /// Images in a step.
  int64_t batch = 128;
  /// Highest learning rate of weights and batch norm; it rises and falls along a cosine.
  double learning_rate = 0.1;
  /// Highest learning rate of the quantizers' scales and offsets, 0 without quantizers.
  double quantizer_learning_rate = 0;
};

/// Trains in float, before there are quantizers: SGD with momentum, weight decay, mirrored images.
void train_float(const Classifier& network, const Dataset& data, const TrainingOptions& options);

/// Trains weights, scales and offsets through the quantizers, which have their ranges.
void train_quantized(const Classifier& network, const Dataset& data,
                     const TrainingOptions& options);

/// Returns the scores [N, 10] of all images, in eval mode.
torch::Tensor scores(const Classifier& network, const Dataset& data);

/// Returns the share of images that are classified correctly, in percent.
double accuracy(const Classifier& network, const Dataset& data);

}  // namespace fashion_mnist
