#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "storage/model_contents.h"

namespace ff::storage {

/// Changes to the quantizers of a model that can be undone.
class ModelChange {
 public:
  /// Puts a quantizer into a place. Throws as nn::replace_quantizer.
  void replace(const Place& place, const nn::Quantizer& quantizer);
  /// Gives a parameter or buffer the memory of `values`; its identity stays.
  void write(at::Tensor target, const at::Tensor& values, bool is_trained);
  /// Sets metadata and path.
  void describe(const nn::Quantizer& quantizer, nn::QuantizerMetadata metadata, std::string path);

  /// The number of changes so far.
  std::size_t size() const {
    return undo_.size();
  }
  /// Undoes the changes after the first `kept`, the last first.
  void undo(std::size_t kept = 0);

 private:
  std::vector<std::function<void()>> undo_;
};

}  // namespace ff::storage
