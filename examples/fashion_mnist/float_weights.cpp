#include "float_weights.h"

#include <torch/torch.h>

#include <iostream>
#include <map>
#include <string>

#include <fastforward/storage/safetensors.h>

#include "training.h"

namespace fashion_mnist {
namespace {

namespace fs = std::filesystem;
using Tensors = std::map<std::string, torch::Tensor>;

Tensors tensors_of(const Classifier& network) {
  Tensors tensors;
  for (const auto& parameter : network->named_parameters()) {
    tensors[parameter.key()] = parameter.value().detach();
  }
  for (const auto& buffer : network->named_buffers()) {
    tensors[buffer.key()] = buffer.value();
  }
  return tensors;
}

void copy_tensors(const Tensors& from, const Tensors& to, const std::string& what) {
  for (auto [name, tensor] : to) {
    const auto found = from.find(name);
    TORCH_CHECK_VALUE(found != from.end() && found->second.sizes() == tensor.sizes(),
                      "Fashion-MNIST: ", what, " has no '", name, "' ", tensor.sizes(),
                      "; train again with --retrain");
    tensor.copy_(found->second);
  }
}

}  // namespace

void copy_weights(const Classifier& from, const Classifier& to) {
  copy_tensors(tensors_of(from), tensors_of(to), "the float network");
}

void train_or_load(const Classifier& network, const Dataset& data, const Arguments& arguments) {
  const fs::path folder = arguments.cache / "models" / "fashion_mnist";
  const fs::path file = folder / ("float-seed" + std::to_string(arguments.seed) + "-epochs" +
                                  std::to_string(arguments.epochs) + "-images" +
                                  std::to_string(data.labels.size(0)) + ".safetensors");
  if (fs::exists(file) && !arguments.retrain) {
    copy_tensors(ff::storage::read_safetensors(file), tensors_of(network),
                 "'" + file.string() + "'");
    std::cout << "float weights from " << file.string() << " (--retrain trains them again)\n";
    return;
  }
  train_float(network, data, {.title = "float", .epochs = arguments.epochs});
  fs::create_directories(folder);
  ff::storage::write_safetensors(file, tensors_of(network));
}

}  // namespace fashion_mnist
