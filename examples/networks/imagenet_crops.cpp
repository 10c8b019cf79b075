#include "imagenet_crops.h"

#include <fastforward/storage/safetensors.h>

#include "figures.h"
#include "weights.h"

namespace networks {
namespace {

torch::Tensor take(const ff::storage::SafetensorsFile& file, const char* name, at::ScalarType type,
                   at::IntArrayRef shape) {
  const torch::Tensor tensor = file.tensor(name);
  TORCH_CHECK_VALUE(tensor.scalar_type() == type && tensor.sizes() == shape, "ImageNet crops: '",
                    name, "' in '", file.path().string(), "' is ", tensor.scalar_type(), " ",
                    tensor.sizes(), ", expected ", type, " ", shape);
  return tensor;
}

}  // namespace

ImageNetCrops load_imagenet_crops(const std::filesystem::path& folder) {
  const ff::storage::SafetensorsFile file(model_file(folder, "imagenet-crops-1/crops.safetensors"));
  return {take(file, "images", torch::kByte, {200, 3, 224, 224}),
          take(file, "labels", torch::kLong, {200}),
          take(file, "calibration", torch::kByte, {60, 3, 224, 224}),
          take(file, "logits", torch::kFloat, {200, 1000})};
}

EfficientNetLite0 load_efficientnet_lite0(const std::filesystem::path& folder) {
  EfficientNetLite0 network;
  load_weights(*network, model_file(folder, "efficientnet-lite0/model.safetensors"));
  network->eval();
  return network;
}

std::filesystem::path traced_efficientnet_lite0(bool dynamic_padding,
                                                const std::filesystem::path& folder) {
  return model_file(folder, dynamic_padding ? "efficientnet-lite0/traced_dynamic_padding.pt"
                                            : "efficientnet-lite0/traced.pt");
}

std::vector<torch::Tensor> batches(const torch::Tensor& images, int64_t size) {
  TORCH_CHECK_VALUE(images.scalar_type() == torch::kByte && images.dim() == 4 && size > 0,
                    "batches: images are ", images.scalar_type(), " ", images.sizes(),
                    " in batches of ", size, ", expected uint8 [N, 3, H, W] and at least 1");
  std::vector<torch::Tensor> cut;
  for (const torch::Tensor& part : images.split(size)) {
    cut.push_back(part.to(torch::kFloat).sub_(127).div_(128));
  }
  return cut;
}

torch::Tensor classify(const Classifier& classifier, const torch::Tensor& images) {
  const torch::NoGradGuard no_grad;
  std::vector<torch::Tensor> logits;
  for (const torch::Tensor& batch : batches(images)) {
    logits.push_back(classifier(batch));
  }
  return torch::cat(logits);
}

ClassifierFigures evaluate(const Classifier& classifier, const ImageNetCrops& crops) {
  const torch::Tensor logits = classify(classifier, crops.images);
  return {top1(logits, crops.labels), agreement(logits, crops.logits), sqnr(logits, crops.logits)};
}

}  // namespace networks
