#include <ATen/TensorOperators.h>
#include <c10/core/StorageImpl.h>
#include <c10/util/intrusive_ptr.h>

#include <map>
#include <memory>
#include <mutex>
#include <tuple>
#include <utility>
#include <vector>

#include "core/quick_cast.h"
#include "fastforward/tensor/quantized_tensor.h"
#include "integer/packed_weight.h"
#include "tensor/quantized_tensor_impl.h"

// Which packed weights are kept, and how long.
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

// Codes that are packed or not, not both.
class WeightCodes final : public CodesSource, public std::enable_shared_from_this<WeightCodes> {
 public:
  explicit WeightCodes(at::Tensor codes) : sizes_(codes.sizes().vec()), codes_(std::move(codes)) {}

  at::Tensor codes() const override {
    const std::scoped_lock lock(mutex_);
    return packed_ == nullptr ? codes_ : unpack_weight(*packed_, sizes_);
  }
  std::shared_ptr<const CodesSource> transposed() const override;
  at::Tensor rows(const at::Tensor& indices) const override {
    const std::scoped_lock lock(mutex_);
    return packed_ == nullptr ? at::Tensor() : unpack_rows(*packed_, sizes_, indices);
  }

  std::shared_ptr<const PackedWeight> packed(int64_t groups) const {
    const std::scoped_lock lock(mutex_);
    if (packed_ == nullptr) {
      packed_ = pack_weight(codes_, groups);
      groups_ = groups;
      codes_ = at::Tensor();
    }
    // Somebody else uses the same weight otherwise.
    return groups == groups_ ? packed_ : pack_weight(unpack_weight(*packed_, sizes_), groups);
  }

 private:
  std::vector<int64_t> sizes_;
  mutable std::mutex mutex_;
  mutable at::Tensor codes_;
  mutable std::shared_ptr<const PackedWeight> packed_;
  mutable int64_t groups_ = 1;
};

class TransposedCodes final : public CodesSource {
 public:
  explicit TransposedCodes(std::shared_ptr<const WeightCodes> weight)
      : weight_(std::move(weight)) {}

  at::Tensor codes() const override {
    return weight_->codes().t();
  }
  std::shared_ptr<const CodesSource> transposed() const override {
    return weight_;
  }

 private:
  std::shared_ptr<const WeightCodes> weight_;
};

std::shared_ptr<const CodesSource> WeightCodes::transposed() const {
  return std::make_shared<TransposedCodes>(shared_from_this());
}

}  // namespace

std::shared_ptr<const PackedWeight> packed_weight(const at::Tensor& weight, int64_t groups) {
  const CodesSource* source = as_quantized(weight)->source().get();
  if (const auto* own = quick_cast<const WeightCodes>(source))
    return own->packed(groups);
  const at::Tensor codes = ff::codes(weight);
  if (codes.is_inference())  // no version tells whether they were changed
    return pack_weight(codes, groups);
  static auto* cache = new Cache;  // not destroyed: threads may still run at the end
  if (std::shared_ptr<const PackedWeight> known = cache->find(codes, groups))
    return known;
  std::shared_ptr<const PackedWeight> packed = pack_weight(codes, groups);
  cache->add(codes, groups, packed);
  return packed;
}

at::Tensor packable(const at::Tensor& weight) {
  const QuantizedTensorImpl& impl = *as_quantized(weight);
  return at::detail::make_tensor<QuantizedTensorImpl>(
      std::make_shared<WeightCodes>(impl.codes()), impl.codes_dtype(), weight.sizes(),
      weight.strides(), weight.device(), impl.function(), weight.scalar_type());
}

}  // namespace ff::integer
