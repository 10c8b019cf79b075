#include "fastforward/nn/override.h"

#include <utility>

namespace ff::nn {

OverrideHandle::OverrideHandle(OverrideHandle&& other) noexcept
    : entries_(std::exchange(other.entries_, {})), id_(other.id_) {}

OverrideHandle& OverrideHandle::operator=(OverrideHandle&& other) noexcept {
  if (this != &other) {
    remove();
    entries_ = std::exchange(other.entries_, {});
    id_ = other.id_;
  }
  return *this;
}

void OverrideHandle::remove() {
  const std::shared_ptr<OverrideList::Entries> entries = entries_.lock();
  entries_.reset();
  if (entries == nullptr)
    return;
  std::erase_if(*entries, [&](const auto& entry) { return entry->id == id_; });
}

}  // namespace ff::nn
