#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/core/ivalue.h>
#include <c10/util/intrusive_ptr.h>

#include <unordered_map>
#include <utility>
#include <vector>

#include "model/call_graph.h"

namespace ff::model {

/// Tensors of the model, parameters and buffers, and the values that they are.
using ParameterIds = std::unordered_map<const c10::TensorImpl*, ValueId>;

/// A tensor that a call reads.
struct MetOperand {
  /// Position of the argument.
  size_t argument;
  /// Position in the list, -1 without a list.
  int element;
  /// What it is.
  ValueId value;
  /// The tensor, to compare with.
  const c10::TensorImpl* tensor;
};

/// True if the tensor can be a value: floating-point numbers, with axes.
bool is_value(const at::Tensor& tensor);

/// Calls visit(tensor) for each tensor among the results of an operator, lists taken apart.
template <typename Visit>
void visit_results(c10::ArrayRef<c10::IValue> results, const Visit& visit) {
  for (const c10::IValue& result : results) {
    if (result.isTensor()) {
      visit(result.toTensor());
    } else if (result.isTensorList()) {
      for (const at::Tensor& tensor : result.toTensorVector())
        visit(tensor);
    }
  }
}

/// Knows which value each tensor is during one run of a model.
///
/// A tensor is known by its object, which is kept from being reused, not from giving its memory
/// back. A tensor that was written to through another one, a view of it or its base, is noticed by
/// its version.
class Tracker {
 public:
  /// What a tensor is.
  struct Entry {
    /// Keeps the address from being reused.
    c10::weak_intrusive_ptr<c10::TensorImpl> tensor;
    /// The value.
    ValueId value;
    /// The version of the tensor at that time.
    uint32_t version;
    /// The values on a grid that readers were given, so that they are computed once.
    at::Tensor on_grid;
    /// How often they will be read.
    int reads_left = 0;
  };

  /// Parameters must stay as long as the tracker.
  explicit Tracker(const ParameterIds& parameters) : parameters_(parameters) {}

  /// Says that the tensor is a value from now on. `written`: so is its memory.
  Entry& define(const at::Tensor& tensor, ValueId value, bool written = false);
  /// Returns the entry of a tensor, null if it has none or was changed since.
  Entry* find(const at::Tensor& tensor);

  /// What a tensor is.
  struct Identity {
    /// The value; where `is_changed`, the one before.
    ValueId value;
    /// True if it was written to through another tensor.
    bool is_changed = false;
    /// The value that was written.
    ValueId written = kConstant;
    /// True if nothing is known of it: neither the model's, nor made in this run.
    bool is_foreign = false;
  };
  /// Returns what a tensor is.
  Identity identify(const at::Tensor& tensor) const;
  /// True if the tensor, which is no value, was defined as kData.
  bool was_defined_as_data(const at::Tensor& tensor) const {
    return entries_.count(tensor.unsafeGetTensorImpl()) != 0;
  }

 private:
  // Memory that was written to.
  struct Write {
    c10::weak_intrusive_ptr<c10::StorageImpl> storage;  // keeps the address from being reused
    ValueId value = kConstant;                          // the last one
    uint32_t times = 0;
  };

  uint32_t version_of(const at::Tensor& tensor) const;
  void sweep();

  const ParameterIds& parameters_;
  std::unordered_map<const c10::TensorImpl*, Entry> entries_;
  size_t sweep_at_ = 64;
  std::unordered_map<const c10::StorageImpl*, Write> written_;
};

}  // namespace ff::model
