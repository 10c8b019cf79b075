#pragma once

#include <torch/nn/module.h>

#include <memory>
#include <string>
#include <utility>

#include "fastforward/model/mpath_tree.h"
#include "fastforward/nn/quantized_module.h"

namespace ff::model {

/// A call in the tree of a quantized model; its children are quantizers.
class SiteImpl final : public torch::nn::Module,
                       public nn::QuantizedModule,
                       public mpath::ClassNamed {
 public:
  /// Of an operator, "aten::conv2d".
  explicit SiteImpl(std::string class_name)
      : torch::nn::Module(class_name), class_name_(std::move(class_name)) {}

  /// Adds a stub.
  void add_place(const std::string& name, nn::QuantizerMetadata metadata) {
    register_quantizer(name, std::move(metadata));
  }
  std::string class_name() const override {
    return class_name_;
  }

 private:
  std::string class_name_;
};

/// A module of the float model in the tree: has its parameters, and the sites that use them.
class OwnerImpl final : public torch::nn::Module, public mpath::ClassNamed {
 public:
  /// Stands for `original`, which may be null.
  OwnerImpl(std::string class_name, std::shared_ptr<torch::nn::Module> original)
      : torch::nn::Module(class_name),
        class_name_(std::move(class_name)),
        original_(std::move(original)) {}

  std::string class_name() const override {
    return class_name_;
  }
  const torch::nn::Module* original() const override {
    return original_.get();
  }

 private:
  std::string class_name_;
  std::shared_ptr<torch::nn::Module> original_;
};

}  // namespace ff::model
