#pragma once

#include <functional>
#include <utility>

#include "fastforward/model/float_model.h"

namespace ff {

/// Puts a model's state back when it goes: running a model to look at it does not change it.
class StateScope {
 public:
  /// Notes the state of `model`.
  explicit StateScope(const FloatModel& model) : put_back_(model.keep_state()) {}
  ~StateScope() {
    put_back_();
  }
  StateScope(const StateScope&) = delete;
  StateScope& operator=(const StateScope&) = delete;

 private:
  std::function<void()> put_back_;
};

}  // namespace ff
