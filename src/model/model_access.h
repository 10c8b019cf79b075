#pragma once

#include <memory>

#include "fastforward/model/quantized_model.h"
#include "model/binding.h"

namespace ff::model {

/// What a quantized model is made of, for those who run it in other ways.
struct ModelAccess {
  /// The quantizers.
  static Binding& binding(QuantizedModelImpl& model) {
    return *model.binding_;
  }
  /// The model's own tensors as they are now.
  static std::shared_ptr<const ModelTensors> tensors(QuantizedModelImpl& model) {
    return model.binding_->tensors(model.float_model_);
  }
};

}  // namespace ff::model
