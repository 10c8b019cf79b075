#pragma once

#include <torch/types.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <vector>

#include "efficientnet_lite0.h"
#include "model_files.h"

namespace networks {

/// 200 crops of 20 ImageNet photos, made by scripts/models/imagenet_crops.py.
struct ImageNetCrops {
  /// uint8 [200, 3, 224, 224], RGB.
  torch::Tensor images;
  /// int64 [200], classes of ImageNet-1k.
  torch::Tensor labels;
  /// uint8 [60, 3, 224, 224], other crops of the same photos.
  torch::Tensor calibration;
  /// float32 [200, 1000], what EfficientNet-Lite0 gives in Python.
  torch::Tensor logits;
};

/// Loads the crops. Throws c10::ValueError if they are missing or not what they should be.
ImageNetCrops load_imagenet_crops(const std::filesystem::path& folder = models_folder());

/// Loads EfficientNet-Lite0 with its weights, in eval mode. Throws c10::ValueError if they are
/// missing or do not fit.
EfficientNetLite0 load_efficientnet_lite0(const std::filesystem::path& folder = models_folder());

/// Returns the path of EfficientNet-Lite0 as TorchScript, traced in Python for 224 x 224 pixels,
/// for torch::jit::load. With `dynamic_padding` it is the file that computes its padding with
/// operators on integers; the other one pads by constants. Throws c10::ValueError if it is missing.
std::filesystem::path traced_efficientnet_lite0(
    bool dynamic_padding = false, const std::filesystem::path& folder = models_folder());

/// Cuts uint8 images [N, 3, H, W] into batches as the network takes them, float32 (pixel - 127) /
/// 128. The last one may be smaller.
std::vector<torch::Tensor> batches(const torch::Tensor& images, int64_t size = 20);

/// Returns the scores of a batch of images.
using Classifier = std::function<torch::Tensor(const torch::Tensor&)>;

/// What a classifier reaches on the crops.
struct ClassifierFigures {
  /// Share of crops that get their label.
  double top1 = 0;
  /// Share of crops that get the label they get in float.
  double agreement = 0;
  /// Of the logits to those in float, in decibels.
  double sqnr = 0;
};

/// Runs a classifier on all crops, without gradients.
ClassifierFigures evaluate(const Classifier& classifier, const ImageNetCrops& crops);

/// Returns the logits [N, 1000] of all `images`, without gradients.
torch::Tensor classify(const Classifier& classifier, const torch::Tensor& images);

}  // namespace networks
