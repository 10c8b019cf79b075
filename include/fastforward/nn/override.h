#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "fastforward/core/api.h"

namespace ff::nn {

class QuantizerImpl;

/// What an override calls to go on: the override registered before it, or the quantizer's own
/// quantize.
using NextFunction = std::function<at::Tensor(const at::Tensor& data)>;

/// Runs instead of a quantizer's quantize. It may call `next` with the data, with other data, or
/// not at all.
using OverrideFunction = std::function<at::Tensor(
    QuantizerImpl& quantizer, const NextFunction& next, const at::Tensor& data)>;

/// The overrides of one quantizer. Copies of a quantizer begin without any.
class FF_API OverrideList {
 public:
  /// An override and the number by which its handle knows it.
  struct Entry {
    /// The number.
    int64_t id;
    /// The override.
    OverrideFunction function;
  };
  /// In the order of registration; the last one runs first.
  using Entries = std::vector<std::shared_ptr<const Entry>>;

  OverrideList() : entries_(std::make_shared<Entries>()) {}
  OverrideList(const OverrideList&) : OverrideList() {}
  OverrideList& operator=(const OverrideList&) {
    entries_ = std::make_shared<Entries>();
    return *this;
  }

  /// Returns the entries, shared with the handles.
  const std::shared_ptr<Entries>& entries() const {
    return entries_;
  }

 private:
  std::shared_ptr<Entries> entries_;
};

/// Keeps an override on a quantizer until its scope ends, also when it ends by an exception.
/// Movable.
///
/// Handles may end in any order, and may outlive the quantizer.
class FF_API OverrideHandle {
 public:
  /// Keeps nothing.
  OverrideHandle() = default;
  /// QuantizerImpl::register_override makes it.
  OverrideHandle(std::weak_ptr<OverrideList::Entries> entries, int64_t id)
      : entries_(std::move(entries)), id_(id) {}
  OverrideHandle(OverrideHandle&& other) noexcept;
  /// Removes the override that it kept and takes over.
  OverrideHandle& operator=(OverrideHandle&& other) noexcept;
  ~OverrideHandle() {
    remove();
  }

  /// Removes the override now. Does nothing the second time.
  void remove();
  /// Leaves the override on the quantizer for good.
  void keep() {
    entries_.reset();
  }

 private:
  std::weak_ptr<OverrideList::Entries> entries_;
  int64_t id_ = 0;
};

}  // namespace ff::nn
