#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <memory>
#include <string>
#include <vector>

#include "fastforward/core/api.h"
#include "fastforward/nn/quantizer.h"

namespace ff::nn {

/// Parameters that were replaced by their quantized and dequantized values, and what they were
/// before. Movable.
///
/// It keeps a copy of each earlier value. Let it go to make the change final and free them.
class FF_API FusedParameters {
 public:
  /// A quantizer that gave way to a stub.
  struct Place {
    /// The module that has it.
    std::shared_ptr<torch::nn::Module> parent;
    /// Its name there.
    std::string name;
    /// The quantizer.
    Quantizer quantizer;
  };
  /// One parameter.
  struct Entry {
    /// The path of its quantizer in the model.
    std::string path;
    /// The parameter itself.
    at::Tensor parameter;
    /// Its values before.
    at::Tensor before;
    /// The quantizers that gave way to stubs.
    std::vector<Place> places;
  };

  /// What was fused, in the order in which it was.
  const std::vector<Entry>& entries() const {
    return entries_;
  }
  /// Adds one; for fuse_weights and freeze_parameters.
  void add(Entry entry) {
    entries_.push_back(std::move(entry));
  }

  /// Puts the values and the quantizers back, the last first. Does nothing the second time. A model
  /// on the stack must still be there.
  void restore();

 private:
  std::vector<Entry> entries_;
};

namespace detail {

/// Writes `values` into `parameter`, stubs into `places`, and returns what they were.
FF_API FusedParameters::Entry fuse(const std::string& path, const at::Tensor& parameter,
                                   const at::Tensor& values,
                                   std::vector<FusedParameters::Place> places);

}  // namespace detail
}  // namespace ff::nn
