// The joint backward of data, scale and offset. Per-target header.
#if defined(FF_KERNELS_BACKWARD_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FF_KERNELS_BACKWARD_INL_H_
#undef FF_KERNELS_BACKWARD_INL_H_
#else
#define FF_KERNELS_BACKWARD_INL_H_
#endif

#include "hwy/highway.h"
#include "kernels/grid-inl.h"
#include "kernels/lanes-inl.h"
#include "kernels/memory-inl.h"

HWY_BEFORE_NAMESPACE();
namespace ff::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <class D>
struct BackwardTerms {
  V<D> data, scale, offset;
};

// The gradient of one vector of data, and its terms of the sums.
template <class D>
struct BackwardStep {
  V<D> scale, z, low, high, below_low, above_high, low_value, high_value;

  HWY_INLINE BackwardStep(D d, Number<D> scale_, Number<D> z_, Number<D> low_, Number<D> high_)
      : scale(hn::Set(d, scale_)),
        z(hn::Set(d, z_)),
        low(hn::Set(d, low_)),
        high(hn::Set(d, high_)),
        below_low(hn::Set(d, low_ - 1)),
        above_high(hn::Set(d, high_ + 1)),
        low_value(hn::Set(d, low_ + z_)),
        high_value(hn::Set(d, high_ + z_)) {}

  HWY_INLINE BackwardTerms<D> operator()(D d, V<D> x, V<D> g) const {
    const auto is_number = hn::Eq(x, x);
    const V<D> position = hn::Sub(hn::Div(hn::IfThenElseZero(is_number, x), scale), z);
    // Clamped to what Bias can round; both ends are outside the grid.
    const V<D> bounded = hn::Min(hn::Max(position, below_low), above_high);
    const V<D> code = hn::Sub(hn::Add(bounded, Bias(d)), Bias(d));
    const auto below = hn::Lt(code, low);
    const auto clipped = hn::Or(below, hn::Gt(code, high));
    const V<D> clip_value = hn::IfThenElse(below, low_value, high_value);
    const V<D> slope = hn::IfThenElse(clipped, clip_value, hn::Sub(code, position));
    return {hn::IfThenElseZero(hn::AndNot(clipped, is_number), g), hn::Mul(g, slope),
            hn::IfThenElseZero(clipped, hn::Mul(g, scale))};
  }
};

template <typename T>
HWY_INLINE void BackwardOfBlock(const T* data, const T* gradient, T* data_gradient, int64_t n,
                                Arithmetic<T> scale, Arithmetic<T> z, Arithmetic<T> low,
                                Arithmetic<T> high, double* sums) {
  const hn::ScalableTag<Arithmetic<T>> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const BackwardStep<decltype(d)> step(d, scale, z, low, high);
  Lanes<reference::kSumLanes> scale_lanes, offset_lanes;
  const auto add = [&](int64_t i, const BackwardTerms<decltype(d)>& terms) HWY_ATTR {
    scale_lanes.Add(i, terms.scale);
    offset_lanes.Add(i, terms.offset);
    return terms.data;
  };
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    PrefetchAhead(data + i);
    PrefetchAhead(gradient + i);
    const auto terms = step(d, LoadNumbers(d, data + i), LoadNumbers(d, gradient + i));
    StoreNumbers(add(i, terms), d, data_gradient + i);
  }
  if (i < n) {
    const auto rest = static_cast<size_t>(n - i);
    const auto terms = step(d, LoadNumbers(d, data + i, rest), LoadNumbers(d, gradient + i, rest));
    StoreNumbers(add(i, terms), d, data_gradient + i, rest);
  }
  sums[0] = scale_lanes.Sum();
  sums[1] = offset_lanes.Sum();
}

// Streams from a buffer of one block: stores that go past the caches one by one, between loads from
// two places, are slower than normal ones (docs/performance.md).
template <typename T>
void Backward(const T* data, const T* gradient, T* data_gradient, int64_t n, Arithmetic<T> scale,
              Arithmetic<T> z, Arithmetic<T> low, Arithmetic<T> high, double* sums,
              bool stream) noexcept {
  if (!stream)
    return BackwardOfBlock(data, gradient, data_gradient, n, scale, z, low, high, sums);
  HWY_ALIGN T buffer[kSumBlock];
  BackwardOfBlock(data, gradient, buffer, n, scale, z, low, high, sums);
  StreamCopy(buffer, data_gradient, n);
  hwy::FlushStream();
}

}  // namespace ff::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
