// Sums in double, in the lanes of reference.h. Per-target header.
#if defined(FF_KERNELS_LANES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FF_KERNELS_LANES_INL_H_
#undef FF_KERNELS_LANES_INL_H_
#else
#define FF_KERNELS_LANES_INL_H_
#endif

#include "hwy/highway.h"
#include "kernels/memory-inl.h"
#include "kernels/reference.h"

HWY_BEFORE_NAMESPACE();
namespace ff::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// `kLanes` sums in double: element i of a block belongs to sum i % kLanes.
template <int kLanes>
class Lanes {
 public:
  using D = hn::ScalableTag<double>;
  static constexpr int64_t kDoubles = hn::MaxLanes(D());
  static constexpr int64_t kVectors = kLanes / kDoubles;

  // Not a member initializer: GCC compiles those without the instruction set.
  HWY_INLINE Lanes() {
    for (int64_t v = 0; v < kVectors; ++v)
      sums_[v] = hn::Zero(D());
  }

  // Adds terms of the elements i, i + 1, ...; i is a multiple of the vector's length.
  HWY_INLINE void Add(int64_t i, V<D> terms) {
    const int64_t v = kVectors == 1 ? 0 : i / kDoubles % kVectors;
    sums_[v] = hn::Add(sums_[v], terms);
  }
  HWY_INLINE void Add(int64_t i, V<hn::ScalableTag<float>> terms) {
    const hn::Half<hn::ScalableTag<float>> half;
    Add(i, hn::PromoteTo(D(), hn::LowerHalf(half, terms)));
    Add(i + kDoubles, hn::PromoteTo(D(), hn::UpperHalf(half, terms)));
  }

  // Lane l and lane l + kSumLanes first, then reference::sum_of_lanes.
  HWY_INLINE double Sum() const {
    HWY_ALIGN double lanes[kLanes];
    for (int64_t v = 0; v < kVectors; ++v)
      hn::Store(sums_[v], D(), lanes + v * kDoubles);
    for (int lane = reference::kSumLanes; lane < kLanes; ++lane)
      lanes[lane - reference::kSumLanes] += lanes[lane];
    return reference::sum_of_lanes(lanes);
  }

 private:
  V<D> sums_[kVectors];
};

}  // namespace ff::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
