#pragma once

namespace ff {

/// Sets eval mode of a model, and the mode that it had again when it goes. `Model` has train() and
/// is_training().
template <typename Model>
class EvalScope {
 public:
  /// Sets eval mode; `model` must outlive the scope.
  explicit EvalScope(Model& model) : model_(model), was_training_(model.is_training()) {
    if (was_training_)
      model_.train(false);
  }
  ~EvalScope() {
    if (was_training_)
      model_.train(true);
  }
  EvalScope(const EvalScope&) = delete;
  EvalScope& operator=(const EvalScope&) = delete;

 private:
  Model& model_;
  bool was_training_;
};

}  // namespace ff
