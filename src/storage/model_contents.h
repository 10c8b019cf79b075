#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <string>
#include <vector>

#include "fastforward/nn/named_quantizers.h"
#include "storage/state_format.h"

namespace ff::storage {

/// Where a quantizer stands. One that is shared stands in several places.
struct Place {
  /// "encoder.0.weight_quantizer", "" if the model is a quantizer itself.
  std::string path;
  /// The module that has it as a child, null for the model itself.
  torch::nn::Module* parent;
  /// Its name in the parent.
  std::string name;
  std::shared_ptr<nn::QuantizerImpl> quantizer;
};

/// A parameter or buffer that no quantizer owns.
struct ModelTensor {
  TensorRecord record;
  at::Tensor tensor;
};

/// What a model is made of, as far as files know it, in the order of registration.
struct ModelContents {
  std::vector<Place> places;
  std::vector<ModelTensor> tensors;
};

/// Walks through a model. Modules that are there twice are walked through twice.
ModelContents contents_of(const nn::ModuleRef& model);

/// The records alone.
std::vector<TensorRecord> records_of(const std::vector<ModelTensor>& tensors);

/// How the tensors of a model differ from saved ones, one sentence each; none if they are equal.
std::vector<std::string> differences(const std::vector<TensorRecord>& model,
                                     const std::vector<TensorRecord>& saved);

}  // namespace ff::storage
