#include "data.h"

#include "fastforward/storage/idx.h"

#include <string>

namespace fashion_mnist {
namespace {

// Mean and standard deviation of the training images' grey values, on 0..1.
constexpr double kMean = 0.2860;
constexpr double kStandardDeviation = 0.3530;
constexpr int64_t kNumClasses = 10;

std::filesystem::path find(const std::filesystem::path& folder, const std::string& name) {
  for (const std::string suffix : {".gz", ""}) {
    if (std::filesystem::exists(folder / (name + suffix))) {
      return folder / (name + suffix);
    }
  }
  TORCH_CHECK_VALUE(false, "Fashion-MNIST: '", (folder / (name + ".gz")).string(),
                    "' is missing; install it with `apt-get install dataset-fashion-mnist`, or "
                    "name the folder that "
                    "has it with --data DIR");
}

Dataset load(const std::filesystem::path& folder, const std::string& prefix) {
  const auto images_path = find(folder, prefix + "-images-idx3-ubyte");
  const auto labels_path = find(folder, prefix + "-labels-idx1-ubyte");
  const torch::Tensor images = ff::storage::read_idx(images_path);
  const torch::Tensor labels = ff::storage::read_idx(labels_path).to(torch::kLong);

  TORCH_CHECK_VALUE(images.scalar_type() == torch::kByte && images.dim() == 3 &&
                        images.size(0) > 0 && images.size(1) == 28 && images.size(2) == 28,
                    "Fashion-MNIST: '", images_path.string(), "' holds ", images.scalar_type(), " ",
                    images.sizes(), ", expected uint8 [N, 28, 28]");
  TORCH_CHECK_VALUE(labels.dim() == 1 && labels.size(0) == images.size(0), "Fashion-MNIST: '",
                    labels_path.string(), "' holds ", labels.sizes(), " labels for ",
                    images.size(0), " images");
  TORCH_CHECK_VALUE(labels.min().item<int64_t>() >= 0 && labels.max().item<int64_t>() < kNumClasses,
                    "Fashion-MNIST: '", labels_path.string(), "' holds labels from ",
                    labels.min().item<int64_t>(), " to ", labels.max().item<int64_t>(),
                    ", expected 0 to ", kNumClasses - 1);

  const torch::Tensor normalised =
      images.to(torch::kFloat).div_(255).sub_(kMean).div_(kStandardDeviation);
  return {normalised.unsqueeze(1), labels};
}

}  // namespace

FashionMnist load_fashion_mnist(const std::filesystem::path& folder) {
  return {load(folder, "train"), load(folder, "t10k")};
}

}  // namespace fashion_mnist
