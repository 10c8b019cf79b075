#include "model/tracker.h"

#include <c10/core/StorageImpl.h>
#include <c10/core/TensorImpl.h>

#include <algorithm>

namespace ff::model {

// Tensors made in inference mode have no version: the writes that were defined are counted.
uint32_t Tracker::version_of(const at::Tensor& tensor) const {
  if (!tensor.is_inference())
    return static_cast<uint32_t>(tensor._version());
  if (written_.empty() || !tensor.has_storage())
    return 0;
  const auto found = written_.find(tensor.storage().unsafeGetStorageImpl());
  return found == written_.end() ? 0 : found->second.times;
}

bool is_value(const at::Tensor& tensor) {
  return tensor.defined() && tensor.is_floating_point() && tensor.dim() > 0;
}

// Forgets tensors that are gone, so that a long run does not walk through its own past.
void Tracker::sweep() {
  std::erase_if(entries_, [](const auto& entry) { return entry.second.tensor.expired(); });
  std::erase_if(written_, [](const auto& write) { return write.second.storage.expired(); });
  constexpr size_t kLeast = 64;
  sweep_at_ = std::max(kLeast, 2 * entries_.size());
}

Tracker::Entry& Tracker::define(const at::Tensor& tensor, ValueId value, bool written) {
  if (written && tensor.has_storage()) {
    const c10::Storage& storage = tensor.storage();
    Write& write = written_
                       .try_emplace(storage.unsafeGetStorageImpl(),
                                    Write{storage.getWeakStorageImpl(), kConstant, 0})
                       .first->second;
    write.value = value;
    ++write.times;
  }
  const c10::TensorImpl* key = tensor.unsafeGetTensorImpl();
  const auto found = entries_.find(key);
  if (found != entries_.end()) {
    Entry& entry = found->second;
    entry.value = value;
    entry.version = version_of(tensor);
    entry.on_grid = at::Tensor();
    entry.reads_left = 0;
    return entry;
  }
  if (entries_.size() >= sweep_at_)
    sweep();
  return entries_
      .try_emplace(key, Entry{c10::weak_intrusive_ptr<c10::TensorImpl>(tensor.getIntrusivePtr()),
                              value,
                              version_of(tensor),
                              {}})
      .first->second;
}

Tracker::Entry* Tracker::find(const at::Tensor& tensor) {
  const auto found = entries_.find(tensor.unsafeGetTensorImpl());
  return found == entries_.end() || found->second.version != version_of(tensor) ? nullptr
                                                                                : &found->second;
}

Tracker::Identity Tracker::identify(const at::Tensor& tensor) const {
  const auto found = entries_.find(tensor.unsafeGetTensorImpl());
  if (found != entries_.end() && found->second.version == version_of(tensor))
    return {found->second.value};
  const auto parameter = parameters_.find(tensor.unsafeGetTensorImpl());
  if (parameter != parameters_.end())
    return {parameter->second};
  const ValueId before = found == entries_.end() ? kConstant : found->second.value;
  if (!written_.empty() && tensor.has_storage()) {
    const auto written = written_.find(tensor.storage().unsafeGetStorageImpl());
    if (written != written_.end())
      return {before, true, written->second.value};
  }
  // Written to by a call of constants, which leaves no trace.
  return {before, false, kConstant, found == entries_.end()};
}

}  // namespace ff::model
