#pragma once

#include <torch/nn/module.h>

#include <functional>
#include <memory>

namespace fashion_mnist {

/// A network of any type that gives scores [N, 10] for images [N, 1, 28, 28], by reference.
class Classifier {
 public:
  /// Nothing yet.
  Classifier() = default;
  /// A network by its holder, as TORCH_MODULE makes it.
  template <typename Holder>
  requires requires {
    typename Holder::ContainedType;
  }
  Classifier(const Holder& network)
      : module_(network.ptr()),
        // With no copy of its own the captured holder would be const, and could not be called.
        forward_([network = Holder(network)](const torch::Tensor& images) mutable {
          return network(images);
        }) {}

  /// Returns the scores.
  torch::Tensor operator()(const torch::Tensor& images) const {
    return forward_(images);
  }
  /// The network.
  torch::nn::Module* operator->() const {
    return module_.get();
  }
  /// The network.
  const std::shared_ptr<torch::nn::Module>& module() const {
    return module_;
  }

 private:
  std::shared_ptr<torch::nn::Module> module_;
  std::function<torch::Tensor(const torch::Tensor&)> forward_;
};

}  // namespace fashion_mnist
