#include "integer/packed_weight.h"

#include <c10/core/StorageImpl.h>
#include <c10/util/intrusive_ptr.h>

#include <ATen/ops/empty.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <mutex>
#include <tuple>
#include <utility>

#include "kernels/product.h"
#include "kernels/reference_product.h"

namespace ff::integer {
namespace {

// What was packed, by where the codes are.
class Cache {
 public:
  std::shared_ptr<const PackedWeight> find(const at::Tensor& codes, int64_t groups) {
    const Key key = key_of(codes, groups);
    const std::scoped_lock lock(mutex_);
    const auto found = entries_.find(key);
    if (found == entries_.end() || found->second.storage.expired() ||
        found->second.version != codes._version())
      return nullptr;
    return found->second.weight;
  }

  void add(const at::Tensor& codes, int64_t groups, std::shared_ptr<const PackedWeight> weight) {
    const std::scoped_lock lock(mutex_);
    std::erase_if(entries_, [](const auto& entry) { return entry.second.storage.expired(); });
    entries_.insert_or_assign(key_of(codes, groups), Entry{codes.storage().getWeakStorageImpl(),
                                                           codes._version(), std::move(weight)});
  }

 private:
  using Key = std::tuple<const c10::StorageImpl*, int64_t, int64_t, std::vector<int64_t>,
                         std::vector<int64_t>>;
  struct Entry {
    c10::weak_intrusive_ptr<c10::StorageImpl> storage;  // keeps the address from being reused
    int64_t version;
    std::shared_ptr<const PackedWeight> weight;
  };

  static Key key_of(const at::Tensor& codes, int64_t groups) {
    return {codes.storage().unsafeGetStorageImpl(), codes.storage_offset(), groups,
            codes.sizes().vec(), codes.strides().vec()};
  }

  std::mutex mutex_;
  std::map<Key, Entry> entries_;
};

}  // namespace

std::shared_ptr<const PackedWeight> pack_weight(const at::Tensor& codes, int64_t groups) {
  auto packed = std::make_shared<PackedWeight>();
  packed->depth = codes.size(1);
  packed->taps = 1;
  for (int64_t axis = 2; axis < codes.dim(); ++axis)
    packed->taps *= codes.size(axis);
  packed->is_depthwise = groups > 1 && groups == codes.size(0) && packed->depth == 1 &&
                         packed->taps <= kernels::kDepthwiseTaps;
  if (packed->is_depthwise)
    groups = 1;
  packed->groups = groups;
  packed->channels = codes.size(0) / groups;
  packed->columns = 1;
  if (packed->is_depthwise && packed->taps > codes.size(-1))
    packed->columns = codes.size(-1);
  // [channel, tap, depth], taps column by column
  const int64_t inner = packed->is_depthwise ? packed->columns : packed->taps;
  const at::Tensor ordered = codes.reshape({codes.size(0), -1, inner}).transpose(1, 2).contiguous();
  const int64_t bytes = packed->group_bytes();
  const int64_t row = packed->taps * packed->depth, panel = packed->panel_channels();
  packed->codes = at::empty({groups * bytes}, codes.options());
  packed->sums.resize(static_cast<size_t>(groups * panel));
  packed->largest = 0;
  const auto* from = ordered.const_data_ptr<int8_t>();
  for (int64_t g = 0; g < groups; ++g) {
    const int8_t* group = from + g * packed->channels * row;
    kernels::reference::pack_weights(group, packed->channels, inner, row / inner,
                                     packed->codes.mutable_data_ptr<int8_t>() + g * bytes);
    for (int64_t c = 0; c < packed->channels; ++c) {
      int64_t sum = 0, absolute = 0;
      for (int64_t i = 0; i < row; ++i) {
        sum += group[c * row + i];
        absolute += std::abs(group[c * row + i]);
      }
      packed->sums[static_cast<size_t>(g * panel + c)] = static_cast<int32_t>(sum);
      packed->largest = std::max(packed->largest, absolute);
    }
  }
  return packed;
}

int64_t PackedWeight::panel_channels() const {
  return kernels::round_up(channels, kernels::kPanelChannels);
}

int64_t PackedWeight::group_bytes() const {
  return is_depthwise ? kernels::packed_size(channels, columns, taps / columns)
                      : kernels::packed_size(channels, taps, depth);
}

const int8_t* PackedWeight::group(int64_t index) const {
  return codes.const_data_ptr<int8_t>() + index * group_bytes();
}

std::shared_ptr<const PackedWeight> packed_weight(const at::Tensor& codes, int64_t groups) {
  if (codes.is_inference())  // no version tells whether they were changed
    return pack_weight(codes, groups);
  static auto* cache = new Cache;  // not destroyed: threads may still run at the end
  if (std::shared_ptr<const PackedWeight> known = cache->find(codes, groups))
    return known;
  std::shared_ptr<const PackedWeight> weight = pack_weight(codes, groups);
  cache->add(codes, groups, weight);
  return weight;
}

}  // namespace ff::integer
