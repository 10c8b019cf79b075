#include "storage/model_change.h"

#include <utility>

#include "fastforward/nn/replace_quantizer.h"

namespace ff::storage {

void ModelChange::replace(const Place& place, const nn::Quantizer& quantizer) {
  nn::replace_quantizer(*place.parent, place.name, quantizer);
  undo_.emplace_back([place] {
    nn::replace_quantizer(*place.parent, place.name, nn::Quantizer(place.quantizer));
  });
}

// Each step that succeeded is undone for itself: any of the three can refuse.
void ModelChange::write(at::Tensor target, const at::Tensor& values, bool is_trained) {
  const bool was_trained = target.requires_grad();
  const at::Tensor old = target.variable_data();
  target.set_requires_grad(false);  // the type may change to one that has no gradients
  undo_.emplace_back([target, was_trained]() mutable { target.set_requires_grad(was_trained); });
  target.set_data(values);
  undo_.emplace_back([target, old]() mutable { target.set_data(old); });
  target.set_requires_grad(is_trained);
  undo_.emplace_back([target]() mutable { target.set_requires_grad(false); });
}

void ModelChange::describe(const nn::Quantizer& quantizer, nn::QuantizerMetadata metadata,
                           std::string path) {
  undo_.emplace_back([quantizer, old = quantizer->metadata(), old_path = quantizer->path()] {
    nn::QuantizerImpl& it = *quantizer.ptr();
    it.metadata() = old;
    it.set_path(old_path);
  });
  nn::QuantizerImpl& it = *quantizer.ptr();
  it.metadata() = std::move(metadata);
  it.set_path(std::move(path));
}

void ModelChange::undo(std::size_t kept) {
  for (; undo_.size() > kept; undo_.pop_back())
    undo_.back()();
}

}  // namespace ff::storage
