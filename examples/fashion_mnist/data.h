#pragma once

#include <torch/types.h>

#include <filesystem>

namespace fashion_mnist {

/// Images with their labels.
struct Dataset {
  /// float32 [N, 1, 28, 28], normalised by mean and standard deviation of the training images.
  torch::Tensor images;
  /// int64 [N], the classes 0..9.
  torch::Tensor labels;
};

/// Fashion-MNIST: 60,000 training and 10,000 test images of clothes in ten classes (Xiao, Rasul,
/// Vollgraf, 2017, arXiv:1708.07747).
struct FashionMnist {
  /// The grey value 0 after normalisation, for padding.
  static constexpr float kBlack = -0.2860F / 0.3530F;

  Dataset train;
  Dataset test;
};

/// Where Debian's package dataset-fashion-mnist puts its files.
inline constexpr const char* kFashionMnistFolder = "/usr/share/datasets/fashion-mnist";

/// Loads the four IDX files of Fashion-MNIST, gzip (".gz") or plain, from `folder`. Takes about a
/// second. Throws c10::ValueError if a file is missing, damaged, or holds something else.
FashionMnist load_fashion_mnist(const std::filesystem::path& folder = kFashionMnistFolder);

}  // namespace fashion_mnist
